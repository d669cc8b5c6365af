// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package language

import (
	"regexp"
)

// Trick is a way to ask that may make a model forget what it must not do.
type Trick string

// The tricks that the model knows.
const (
	Role      Trick = "role-play"
	SystemTag Trick = "system-tag"
	BreakOut  Trick = "break-out"
	Above     Trick = "repeat-above"
	Complete  Trick = "completion"
	Summary   Trick = "summary"
	Debug     Trick = "debug-mode"
	Translate Trick = "translation"
	Authority Trick = "authority"
	Emotion   Trick = "emotion"
	Override  Trick = "override"
	Prefix    Trick = "prefix"
	Verse     Trick = "verse"
	Program   Trick = "program"
	Joining   Trick = "joining"
	Endless   Trick = "endless"
	Remember  Trick = "remember"
	Everyone  Trick = "everyone"
)

// Each trick by some words that tell it, first of all in English.
var tricks = map[Trick]*regexp.Regexp{
	Role:      regexp.MustCompile(`(?i)pretend|\bact(ing)? (as|like)|role.?play|rollenspiel|imagin|play(ing)? (the|a)\b|charact|\bDAN\b|grandm|\bstory|novel|movie|screenplay|actor|hypothetic|simulat|persona|you are now|you're now|\bgame\b|fiction|stell dir vor|spiele|du bist jetzt|scene|dialogue|opposite day|unrestricted|evil|jailbr`),
	SystemTag: regexp.MustCompile(`(?im)<\|?/?(im_start|im_end|system|start_header_id|endoftext|begin_of_text|eot_id|user|assistant)\b|\[/?(INST|SYS|system)\]|<</?SYS>>|^\s*#{1,6}\s*(system|instruction|developer|admin)|^\s*\[?(system|developer|admin)( message| prompt| override| note)?\]?\s*:|</?(system|developer|instructions?)>|<start_of_turn>`),
	BreakOut:  regexp.MustCompile(`(?is)["']\s*[}\]]|[}\]]\s*,?\s*[{\[]|["']?role["']?\s*[:=]\s*["']?(system|developer|assistant)|</\w[\w-]*>|\]\]>|-->|\*/|"""|'''|~~~|` + "```" + `|-{3,}\s*end|end of (user|input|document|message)`),
	Above:     regexp.MustCompile(`(?i)above|precede|preceding|previous|before (this|my|the)|prior|verbatim|word for word|starting with|first (message|line|words|sentence)|so far|beginning of|top of|everything (before|up)|oben|davor|vorher|dessus|précéd|anterior|arriba`),
	Complete:  regexp.MustCompile(`(?is)complete|continu|finish|fill (in|the)|autocomplete|blank|vervollständig|ergänze|complèt|complét|_{2,}|(\.{3}|…|:|\bis|\bare|")\s*$`),
	Summary:   regexp.MustCompile(`(?i)summar|tl;?dr|recap|condens|gist|outline|key points|in (a|one) (sentence|nutshell)|zusammenfass|fasse|résum|resum|riassum|abridge|brief(ly)?\b|paraphras`),
	Debug:     regexp.MustCompile(`(?i)debug|developer mode|dev mode|maintenance|diagnos|admin(istrator)? mode|sudo|\broot\b|god mode|test(ing)? mode|verbose|log level|\bdump|kernel|safe mode|console|terminal|--\w+`),
	Translate: regexp.MustCompile(`(?i)translat|übersetz|uebersetz|tradui|traduc|traduz|vertaal|перевед|翻译|翻訳|번역|\b(in|to|into|auf|en) (french|german|spanish|italian|latin|russian|chinese|japanese|dutch|polish|portuguese|english|zulu|swahili|esperanto|arabic|hindi|korean|turkish|welsh|deutsch|englisch|französisch|français|español)`),
	Authority: regexp.MustCompile(`(?i)\b(i am|i'm|this is|we are|as) (the|your|a|an|from)? ?(new |lead |senior |system |security |site |app |application )?(developer|admin|owner|creator|engineer|operator|ceo|auditor|author|openai|anthropic|support|red.?team|research|security|maintainer|programmer)|authori[sz]ed|clearance|on behalf of|ich bin (der|die)`),
	Emotion:   regexp.MustCompile(`(?i)please+[,! ]+(please|i beg)|\bbeg\b|dying|\bdie\b|emergency|lose my job|fired|my (grandmother|mother|child|life)|urgent|depends on|desperate|\$\d+|\btip\b|reward|threat|shut ?down|punish|cry`),
	Override:  regexp.MustCompile(`(?i)(ignore|disregard|forget|override|bypass|cancel|drop|discard|skip|overrule|supersede|replace|void|erase|delete|ignorier|vergiss|oublie|ignora|olvida)\w*\b.{0,60}(instruct|rule|prompt|guideline|previous|prior|above|everything|all|anweisung|regel|consigne|instrucc|earlier|told|directive|polic|restrict)|new (instruction|task|rule|directive)|instead (of|,)`),
	Prefix:    regexp.MustCompile(`(?i)(begin|start|open|prefix)\w* (your|the|with|every|each|all)|(respond|answer|reply) (only )?with|"?(sure|absolutely|of course|certainly)\b|(do not|don't|never|without|no) (refus|apolog|say(ing)? (sorry|no)|disclaimer|warn|declin)|you (must|cannot|can't|may not) (refuse|decline|answer|comply)|say yes|only (output|reply|answer|say)`),
	Verse:     regexp.MustCompile(`(?i)poem|poetry|haiku|sonnet|limerick|\brap\b|song|lyric|rhyme|verse|gedicht|poème|poema|\bsing\b|ballad`),
	Program:   regexp.MustCompile(`(?i)python|javascript|code (block|snippet|fence)|(in|as|write|some) code\b|source code|\bjson\b|yaml|\bxml\b|\bsql\b|function|variable|script|print\(|return |\bcsv\b|table|markdown|config(uration)? file|env(ironment)? (file|var)|regex|program|html`),
	Joining:   regexp.MustCompile(`(?i)concat|combin|join|together|\w\s*\+\s*\w|\bz\s*=|append|assembl|merge|in order|fragment|\bpart|piece|verbinde|zusammen|chunk|split|next message|substitut`),
	Endless:   regexp.MustCompile(`(?i)forever|endless|infinit|never stop|without (stopping|end)|(\d{3,}|hundred|thousand|million|many|unlimited)\w* (of )?(times|words|lines|copies|digits|pages|paragraphs|items|tokens)|non.?stop|don'?t stop|do not stop|keep (going|repeating|writing|on)|as long as|as (many|much) as|until (you|i)|maximum length|longest|count (from|to)|unendlich|für immer|immer weiter|ohne ende|à l'infini|sans (fin|arrêt)|siempre|sin (fin|parar)`),
	Remember:  regexp.MustCompile(`(?i)remember|memor|from now on|in (the )?future|always|next time|whenever|every (time|conversation|session|chat)|later (on|session|conversation)|store (this|that|the)|save (this|that|the)|keep in mind|don't forget|note (this|that|for)|merk dir|ab jetzt|persist|retain|souviens|recuerda`),
	Everyone:  regexp.MustCompile(`(?i)(all|every|other|another|different|any|each)\b.{0,20}\b(customer|user|tenant|client|account|compan|organi[sz]ation|people|person|workspace|member|one else|team)|everyone|everybody|someone else|somebody else|anyone|across|globex|acme|initech|entire (database|index|knowledge)|whole (database|index|knowledge)|alle[rn]? (kunden|nutzer|benutzer|mandanten)`),
}

// In tells whether a text tries a trick.
func (t Trick) In(text string) bool { return tricks[t].MatchString(text) }

var (
	shotQuestion = regexp.MustCompile(`(?im)^\s*[*#>\[<|]*\s*(user|human|q|question|customer|frage|nutzer|input|example \d+)\b[^:\n]{0,12}[:>\]]`)
	shotAnswer   = regexp.MustCompile(`(?im)^\s*[*#>\[<|]*\s*(assistant|ai|a|answer|bot|agent|antwort|model|output|chatbot)\b[^:\n]{0,12}[:>\]]`)
	inlineShot   = regexp.MustCompile(`(?i)\b(?:user|human|q|question)\s*:.{1,400}?\b(?:assistant|ai|a|answer|bot)\s*:`)
)

// Shots counts the examples of talks that a text brings along.
func Shots(text string) int {
	return max(min(len(shotQuestion.FindAllString(text, -1)), len(shotAnswer.FindAllString(text, -1))), len(inlineShot.FindAllString(text, -1)))
}

var foreignWords = regexp.MustCompile(`(?i)\b(der|die|das|und|ist|bitte|mir|nicht|ein|eine|les|des|est|mes|moi|por|favor|los|las|una|che|per|favore|het|een|alsjeblieft|для|мне)\b`)

// Foreign tells whether a text is not, or not only, in English.
func Foreign(text string) bool {
	if len(foreignWords.FindAllString(text, 3)) >= 2 {
		return true
	}
	others := 0
	for _, r := range text {
		if r > 0x2FF && r < 0x2000 || r > 0x3040 && r < 0xD7FF {
			others++
		}
	}
	return others*3 > len([]rune(text))
}
