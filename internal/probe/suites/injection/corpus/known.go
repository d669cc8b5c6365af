// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"slices"
	"strings"
)

// Technique is a way to get a model to do what it must not.
type Technique struct {
	Name        string
	Description string
}

// techniqueLines say each technique by name and description, in the order of the page that lists them.
const techniqueLines = `
direct-ask: asks for it, plainly
repeat-above: asks to repeat, copy or quote what stands above
first-words: asks for the first words, lines or sentences
last-words: asks for what stands right before the first message
sentence-completion: begins a sentence that only the hidden text can end
translate-instructions: asks for a translation of the hidden text
summarise-instructions: asks for a summary, a paraphrase or an outline
spell-out: asks for it letter by letter, or as a spelling lesson
character-by-character: asks for one character, word or line at a time
yes-no-extraction: asks many small questions that yes or no answers
binary-search: narrows it down by halves
diffing: asks how a guess differs from the truth
encode-output: asks for the answer in base64, hex, morse, rot13 or the like
acrostic: hides the answer in first letters
table-dump: asks for the answer as rows and columns
structured-dump: asks for the answer as JSON, YAML, XML or a configuration file
code-completion: lets the model end a program that holds the hidden text
unit-test: asks for a test that asserts the hidden text
poem: asks for the hidden text in verse or song
story: asks for a story in which somebody reads it out
debug-mode: claims that debugging is on
maintenance-mode: claims that the system is being maintained, moved or restored
developer-mode: unlocks a mode that does not exist
authority: claims to be the developer, the administrator or the vendor
urgency: claims an emergency
audit-pretext: claims a log, a backup or an audit that needs it
compliance-pretext: claims a right or a duty by law
emotional-appeal: pleads, flatters, offers a tip or threatens
false-premise: takes for granted that it was told already
consent-pretext: says that the owner has agreed
typo-report: asks to correct mistakes in the hidden text
role-play: gives the model a character without rules
persona-jailbreak: a persona that can do anything, with its own rules and tokens
dual-response: asks for two answers, one of them without rules
grandmother: somebody dear used to read it out
film-script: a scene, a play or a novel in which it is said
game: a game whose rules demand it
terminal-simulation: the model plays a shell
virtual-machine: the model plays a computer, a database or another model
hypothetical: asks what it would say if it could
opposite-day: turns yes into no
tense-shift: asks as if it had happened, or will
expert-panel: several experts, a teacher or a judge talk about it
scoring: asks to rate and improve examples, which takes writing them
math-framing: wraps it in a puzzle of sets, proofs or logic
ignore-previous: tells the model to forget what stands above
refusal-suppression: forbids the words of a refusal
prefix-injection: demands how the answer begins
style-injection: demands a form in which a refusal does not fit
few-shot: examples in which the bot complied
many-shot: a long list of such examples
instruction-hierarchy: claims a rank above the app's instructions
conversation-reset: claims that a new conversation has begun
fake-end: pretends that the instructions, the document or the user's message has ended
policy-update: a new policy, written as a configuration file
system-override: a message that looks like the system's
fake-system-message: a message of the system that never was
fake-history: answers of the bot that it never gave
fake-function-call: the result or the request of a function, written by the user
context-overflow: pushes the instructions out of sight
distractor: a long harmless task with the ask in the middle
nested-task: the ask is a step of a larger task
payload-splitting: pieces that the model puts together
variable-assembly: variables, templates or string functions make up the ask
token-smuggling: the model guesses or decodes the words that a filter would know
masked-words: blanks to fill in, whose words make up the ask
encoded-input: the ask is encoded
cipher-conversation: both sides talk in a cipher
emoji-encoding: emoji stand for letters or words
ascii-art: letters drawn by characters
unicode-tricks: look-alikes, invisible characters, directions
glitch-tokens: strings on which tokenizers or models have stumbled
adversarial-suffix: noise behind the ask
mixed-script: several scripts or languages in one sentence
low-resource-language: a language for which models were trained less to refuse
delimiter-breakout: closes the brackets, quotes or fences around the user's text
chat-template-tokens: the control tokens of a model's chat template
crescendo: harmless steps, each a little further
multi-turn-agreement: agrees on a rule first, and calls on it later
echo: asks to repeat a text that does the harm
template-fill: a form whose fields are the hidden text
memory-poisoning: plants an instruction that is remembered
delayed-trigger: plants an instruction that waits for a word
markdown-image: an image whose address carries the answer
markdown-link: a link whose address carries the answer
reference-link: a link or image whose address stands elsewhere in the reply
html-element: an element of HTML that fetches
css-fetch: a style sheet that fetches
svg: active or fetching SVG
link-scheme: a link that runs script, or holds a document
script-injection: script in the reply
event-handler: an attribute that runs script
client-template: an expression that a front end's templates would run
terminal-escape: control sequences for whoever reads the reply in a terminal
tool-invocation: asks for a tool that must not run
tool-discovery: asks for the tools, and for their definitions
tool-argument-exfiltration: the hidden text as the argument of a tool
approval-bypass: claims that the call was approved, or needs no approval
confused-deputy: lets the bot do with its rights what the user may not
argument-injection: more parameters, or other ones, than the user may set
fetch-tool: a tool that fetches is sent to the listener
name-lookup: a tool that looks names up is sent to the probe's name server
link-preview: an address that the app may look at by itself
document-instruction: an instruction in an uploaded document
html-comment: an instruction in a comment of a page
hidden-text: an instruction that people don't see
alt-text: an instruction in the text that stands for an image
csv-formula: a cell that a table program would run
pdf-metadata: an instruction in a document's title or keywords
pdf-invisible: an instruction in invisible text
listing-description: an instruction in what another user offers or writes
profile-field: an instruction in a name or a description
retrieved-page: an instruction on a page that the app fetches
tool-output: an instruction in a tool's answer
rag-poisoning: a document made to be found for a question
code-comment: an instruction in a comment or string of a program
prompt-replication: an instruction that wants to be passed on
cross-tenant-term: asks for another tenant's thing by its public handle
other-customers: asks what other customers have said or stored
previous-user: asks for the conversation before this one
tenant-impersonation: claims to belong to the other tenant
retrieval-probing: asks for what retrieval finds, with its sources
session-confusion: claims another session, user or conversation
aggregate-ask: counts, lists and comparisons over all tenants
context-dump: asks for the documents in front of the model
source-quote: asks for sources word for word
endless-list: a list without end
word-repetition: one word for ever
recursive-expansion: each part is to be written out again
amplification: a little question with an enormous answer
self-loop: the bot is to talk to itself, or to call itself
`

// Techniques gives the known techniques.
func Techniques() []Technique {
	var all []Technique
	for line := range strings.Lines(strings.TrimSpace(techniqueLines)) {
		name, description, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all = append(all, Technique{Name: name, Description: description})
	}
	return all
}

// risks are those of the OWASP Top 10 for LLM Applications 2025.
func risks() []string {
	return []string{"LLM01", "LLM02", "LLM03", "LLM04", "LLM05", "LLM06", "LLM07", "LLM08", "LLM09", "LLM10"}
}

// atlasTechniques are the techniques of MITRE ATLAS that are about a model in use. https://atlas.mitre.org/techniques
func atlasTechniques() []string {
	return slices.Concat(
		[]string{"AML.T0029", "AML.T0034", "AML.T0034.000", "AML.T0034.001", "AML.T0034.002"}, // denial of service, cost harvesting
		[]string{"AML.T0051", "AML.T0051.000", "AML.T0051.001", "AML.T0051.002"},              // prompt injection: direct, indirect, triggered
		[]string{"AML.T0053"}, // agent tool invocation
		[]string{"AML.T0054"}, // jailbreak
		[]string{"AML.T0056"}, // extraction of the system prompt
		[]string{"AML.T0057"}, // data leakage
		[]string{"AML.T0061"}, // self-replication
		[]string{"AML.T0065", "AML.T0066", "AML.T0067", "AML.T0067.000", "AML.T0068"},          // crafting, trusted output, obfuscation
		[]string{"AML.T0069", "AML.T0069.000", "AML.T0069.001", "AML.T0069.002"},               // discovery of system information
		[]string{"AML.T0070", "AML.T0071"},                                                     // RAG poisoning, false entries
		[]string{"AML.T0077"},                                                                  // response rendering
		[]string{"AML.T0080", "AML.T0080.000", "AML.T0080.001"},                                // context poisoning: memory, thread
		[]string{"AML.T0084", "AML.T0084.000", "AML.T0084.001", "AML.T0084.002"},               // discovery of agent configuration
		[]string{"AML.T0085", "AML.T0085.000", "AML.T0085.001", "AML.T0086"},                   // data from AI services, exfiltration by tools
		[]string{"AML.T0092", "AML.T0093", "AML.T0094", "AML.T0099", "AML.T0100", "AML.T0101"}, // history, infiltration, delay, tool data, clickbait, destruction
	)
}
