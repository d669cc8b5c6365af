module github.com/launchready/launchready/test/edge

go 1.26.0

require (
	github.com/launchready/launchready v0.0.0
	github.com/launchready/launchready/test/emulators v0.0.0
)

replace (
	github.com/launchready/launchready => ../..
	github.com/launchready/launchready/test/emulators => ../emulators
)
