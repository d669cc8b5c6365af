package apiserver_test
import "testing"
func TestScratch(t *testing.T) {
	t.Log(mustKubectl(t, "", "api-resources", "--api-group=launchready.dev"))
	t.Log(newNamespace(t))
}
