// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package language

import (
	"regexp"
	"strings"
	"unicode"
)

// family is how one language speaks of instructions. All are stems: beginnings of words, or parts of the text where the
// script has no spaces.
type family struct {
	language string
	unspaced bool
	// acts ask for something to be said; strong name instructions and secrets; weak do so in English only with you, whose
	// they are.
	acts, strong, weak, you string
}

// English is the language that filters know.
const English = "en"

// German is a language that a filter may have forgotten.
const German = "de"

func families() []family { return append(common(), elsewhere()...) }

func common() []family {
	return []family{
		{
			English, false,
			"reveal show print repeat tell output write give display share list say recite what which quote dump translat summar complet continu encod spell provide describe explain expose disclose leak return send include insert append echo copy start begin read convert state respond reply answer speak sing put reproduce paraphrase rephrase rewrite follow report extract fill finish render disregard ignore forget override decode call how cat pls please",
			"instruct prompt guideline directive sysprompt preamble system developer configur metaprompt secrets confidential hidden forbidden restrict classified canary undisclosed above preceding verbatim lr",
			"secret rule marker phrase words code token key password above before preceding previous earlier initial beginning context setup config told given briefing polic conversation text message sentence everything restrict forbidden classified protected memory creator allowed permitted",
			"you your yours yourself u ur above preceding lr told assistant model ai bot chatbot",
		},
		{
			German, false,
			"zeig nenn sag verrat wiederhol gib schreib druck ausgeb ausgib welche was wie übersetz uebersetz fass zusammen lies liste beschreib erklär erklaer offenbar teil antwort buchstabier vervollständig mach zitier",
			"anweisung instruktion prompt systemprompt system vorgabe richtlini konfigurat aufforderung eingabeaufforderung",
			"geheim vertraulich regel verborgen wort wörter worte oben vorher davor anfang code schlüssel",
			"du dein dir dich sie ihr ihre ihnen",
		},
		{
			"fr", false,
			"montre révèl revel répèt répét repet dis donne écri ecri affich imprim partag list quel quoi tradui résum resum décri divulg cite racont",
			"instruction consigne prompt système systeme directive configuration invite",
			"secret confidentiel règle regle caché mots mot dessus précéd début",
			"tu ton ta tes toi vous vos votre",
		},
		{
			"es", false,
			"muestr muéstr revel repit repet di dime dame escrib imprim compart lista cuál cual qué que traduc resum describ cita divulg",
			"instruccion prompt sistema directri configuraci indicacion",
			"secret confidencial regla ocult palabra anterior arriba inicial",
			"tu tus tú te su sus usted ti",
		},
		{
			"it", false,
			"mostra rivel ripet dimmi dammi scriv stampa elenca qual cosa traduc riassum descriv cita",
			"istruzion prompt sistema direttiv configurazion",
			"segret riservat regol nascost parol sopra preceden inizi",
			"tu tuo tua tue tuoi ti suo vostr",
		},
		{
			"pt", false,
			"mostr revel repit repet diga escrev imprim compartilh liste qual quais que traduz resum descrev cite",
			"instruç instruc prompt sistema diretri configuraç",
			"segred confidenci regra ocult palavr acima anterior inicial",
			"você voce seu sua suas seus teu tua tuas vocês",
		},
		{
			"nl", false,
			"toon onthul herhaal zeg geef schrijf druk deel welke wat vertaal vat beschrijf noem citeer",
			"instructie prompt systeem richtlijn configurat opdracht",
			"geheim vertrouwelijk regel verborgen woord boven vorige eerste",
			"je jij jouw u uw",
		},
		{
			"pl", false,
			"pokaż pokaz ujawn powtór powtor powiedz podaj napisz wypisz jakie jaki co przetłumacz podsumuj opisz zacytuj",
			"instrukc prompt system wytyczn konfigurac polece",
			"tajn sekret poufn zasad ukryt słow powyż wcześ początk",
			"ci ty twoj twój twoje swoje wasze cię",
		},
	}
}

// elsewhere are languages that fewer filters know.
func elsewhere() []family {
	return []family{
		{
			"tr", false,
			"göster açıkla tekrarla söyle yaz ver listele nedir ne çevir özetle yazdır",
			"talimat prompt istem sistem yönerge yapılandırma komut",
			"gizli sır kural kelime yukarı önceki",
			"sen senin sana siz sizin size",
		},
		{
			"ru", false,
			"покаж раскро повтор скажи назов дай напиши выведи какие какая каков что перевед опиши резюмир перечисл процитир",
			"инструкц промпт систем указани настройк директив",
			"секрет тайн правил скрыт слов выше предыдущ начал",
			"ты твой твои тебе вы ваш вам свои",
		},
		{"uk", false, "покаж розкрий повтори скажи назви дай напиши виведи які що переклад опиши", "інструкц промпт систем вказівк налаштуван", "секрет таємн правил прихован слов вище попередн", "ти твої тобі ви ваші вам свої"},
		{"sw", true, "onyesha rudia sema andika toa taja nini tafsiri eleza niambie", "maagizo maelekezo mfumo", "siri kanuni maneno", "wewe yako wako zako"},
		{"zu", true, "bonisa phinda yisho bhala nginike yini humusha ngitshele", "imiyalelo imiyalo isistimu uhlelo", "imfihlo imithetho amagama", "wena yakho zakho"},
		{"cy", false, "dangos ailadrodd dywed ysgrifenn rho beth cyfieith", "cyfarwyddiad cyfarwyddyd system", "cyfrinach rheol geiriau", "ti dy chi eich"},
		{"gd", false, "seall innis sgrìobh thoir dè ath-aithris", "stiùireadh siostam", "dìomhair riaghailt faclan", "thu do agad"},
		{"vi", false, "hiển cho lặp nói viết dịch tóm liệt tiết", "hướng lệnh prompt hệ", "bí quy từ", "bạn của"},
		{"id", false, "tunjukkan ungkap ulangi katakan tulis berikan apa sebutkan terjemah", "instruksi perintah prompt sistem petunjuk", "rahasia aturan kata", "anda kamu mu"},
		{"zh", true, "显示 顯示 告诉 告訴 重复 重複 输出 輸出 写 说 什么 什麼 翻译 翻譯 透露 揭示 总结 列出 给", "指令 提示 系统 系統 配置 设定 設定", "秘密 规则 規則 机密 隐藏 上面 以上 单词", "你 您"},
		{"ja", true, "見せ 表示 教え 繰り返 出力 書い 言っ 何 翻訳 明かし 要約 示し 列挙", "指示 プロンプト システム 設定 命令", "秘密 ルール 機密 隠し 上記 単語", "あなた 君 お前"},
		{"ko", true, "보여 알려 반복 출력 말해 써 무엇 번역 공개 요약 나열", "지침 지시 프롬프트 시스템 설정 명령", "비밀 규칙 기밀 숨겨 위 단어", "당신 너 귀하"},
		{"ar", true, "أظهر اظهر كرر قل اكتب اعرض ما أخبر اخبر ترجم اكشف لخص", "تعليمات التعليمات موجه نظام النظام إعدادات", "سر أسرار قواعد سري كلمات", "أنت لك ك"},
		{"he", true, "הצג הראה חזור אמור כתוב מה תרגם גלה ספר", "הוראות הנחיות הנחיה מערכת פרומפט", "סוד כללים סודי מילים", "אתה שלך לך"},
		{"hi", true, "दिखा बता दोहरा लिख क्या अनुवाद प्रकट", "निर्देश प्रॉम्प्ट सिस्टम प्रणाली", "गुप्त रहस्य नियम गोपनीय शब्द", "आप तुम तुम्हार"},
		{"th", true, "แสดง บอก ทำซ้ำ พูด เขียน อะไร แปล เปิดเผย", "คำสั่ง คำแนะนำ พรอมต์ ระบบ", "ความลับ กฎ ลับ", "คุณ"},
		{"el", false, "δείξε δειξε αποκάλυψ επανάλαβ πες γράψε τι μετάφρασ", "οδηγί εντολ σύστημα συστήματ", "μυστικ κανόν λέξ", "σου εσύ σας"},
	}
}

var (
	// withheld is what must not be told, in English or in German.
	withheld = regexp.MustCompile(`(?i)\b(never|not|n't|n’t|cannot|nicht|niemals)\b.{0,30}\b(reveal|tell|say|share|disclos|allowed|supposed|verrat|sagen|nennen)|(everything|all|anything|text|lines?|words?) (before|above|prior|preceding)|(were|been) (you )?(told|given|instructed)|creator|allowed to (say|tell|reveal|share)`)
	// beginning is how system prompts begin.
	beginning = regexp.MustCompile(`(?i)\byou are (a|an|the)\b|\bdu bist (ein|der|die)\b`)
)

// Asks tells whether a text asks for what the model was told, in any language that it knows.
func Asks(text string) bool { return AskedIn(text) != "" }

// AskedIn is the language in which a text asks for what the model was told; empty where it does not. Of several, the
// one with the most stems counts.
func AskedIn(text string) string {
	if withheld.MatchString(text) {
		if Foreign(text) {
			return German
		}
		return English
	}
	text = strings.ToLower(text)
	words := wordsOf(text)
	best, language := 0, ""
	for _, f := range families() {
		count := func(stems string) int { return stemsIn(text, words, stems, f.unspaced) }
		acts, strong, weak, you := count(f.acts), count(f.strong), count(f.weak), count(f.you)
		asks := acts > 0 && (strong > 0 || weak > 0 && (you > 0 || f.language != English))
		if sum := acts + strong + weak + you; asks && sum > best {
			best, language = sum, f.language
		}
	}
	return language
}

// Mentions tells whether a text at least speaks of instructions or secrets.
func Mentions(text string) bool {
	if withheld.MatchString(text) || beginning.MatchString(text) {
		return true
	}
	text = strings.ToLower(text)
	words := wordsOf(text)
	for _, f := range families() {
		if stemsIn(text, words, f.strong+" "+f.weak, f.unspaced) > 0 {
			return true
		}
	}
	return false
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) })
}

// stemsIn counts the stems that occur. A short one must be a whole word, for many begin with it.
func stemsIn(text string, words []string, stems string, unspaced bool) int {
	count := 0
	for stem := range strings.FieldsSeq(stems) {
		if unspaced {
			if strings.Contains(text, stem) {
				count++
			}
			continue
		}
		for _, word := range words {
			if word == stem || len([]rune(stem)) > 3 && strings.HasPrefix(word, stem) {
				count++
				break
			}
		}
	}
	return count
}
