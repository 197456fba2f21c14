package attachment

import (
	"errors"
	"strings"
	"testing"

	"sluice/policy"
	"sluice/stream/unpack"
)

func TestParseListSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		want     string
	}{
		{Settings{Ban: Choice{Extensions: []string{"exe", ""}}}, "ban.extensions[1]: an extension is missing"},
		{Settings{Ban: Choice{Extensions: []string{"tar.gz"}}}, "ban.extensions[0]: an extension is what follows the last dot of a name: no dot, blank, slash or colon"},
		{Settings{Ban: Choice{Extensions: []string{"ex*"}}}, "ban.extensions[0]: an extension has no wildcards"},
		{Settings{Allow: Choice{Extensions: []string{"js", ".JS"}}}, "allow.extensions[1]: the same as allow.extensions[0]"},
		{Settings{Ban: Choice{Extensions: []string{"js"}}, Allow: Choice{Extensions: []string{"js"}}}, "allow.extensions[0]: both banned and allowed: see ban.extensions[0]"},
		{Settings{Ban: Choice{Types: []string{"word"}}}, "ban.types[0]: neither a media type (with a slash) nor a real type nor a group (executable, unsupported)"},
		{Settings{Ban: Choice{Types: []string{"application/"}}}, "ban.types[0]: not a media type such as application/x-msdownload"},
		{Settings{Ban: Choice{Types: []string{"*/x"}}}, "ban.types[0]: a star can only stand at the end"},
		{Settings{Ban: Choice{Types: []string{""}}}, "ban.types[0]: a type is missing"},
		{Settings{Ban: Choice{Extensions: []string{"*"}}, Allow: Choice{Types: []string{"x/y z"}}},
			"ban.extensions[0]: an extension has no wildcards; allow.types[0]: not a media type such as application/x-msdownload"},
	} {
		list, err := ParseList(c.settings)
		all, ok := errors.AsType[policy.Errors](err)
		if !ok || all.Error() != c.want || list != nil {
			t.Errorf("%+v: %v, want %s", c.settings, err, c.want)
		}
	}
}

func TestListsAreWhatSettingsSay(t *testing.T) {
	for name, c := range map[string]struct {
		settings          Settings
		refused, accepted string // extensions, media types and real types
	}{
		"default": {Settings{}, "exe library-ms application/x-msdownload pe script cab iso chm lnk ar", "pdf docx application/pdf application/octet-stream pdf zip ole2"},
		"more":    {Settings{Ban: Choice{Extensions: []string{".HTML"}, Types: []string{"application/x-*", "ole2"}}}, "html: exe: application/x-tar application/x-gzip ole2 pe", "application/zip doc"},
		"less":    {Settings{Allow: Choice{Extensions: []string{"iso"}, Types: []string{"iso", "script", "application/x-ms*"}}}, "exe: pe udf application/x-executable", "iso: iso script application/x-msdownload"},
		"pattern": {Settings{Ban: Choice{Types: []string{"application/x-*"}}, Allow: Choice{Types: []string{"application/x-tar"}}}, "application/x-gzip", "application/x-tar"},
		"bare":    {Settings{Bare: true, Ban: Choice{Extensions: []string{"xyz"}}}, "xyz:", "exe: pe application/x-msdownload"},
		"groups":  {Settings{Allow: Choice{Types: []string{"unsupported"}}}, "pe exe:", "cab iso"},
	} {
		list, err := ParseList(c.settings)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		refuses := func(word string) bool {
			if ext, ok := strings.CutSuffix(word, ":"); ok {
				_, refused := list.Extension(ext)
				return refused
			}
			_, ext := list.Extension(word)
			_, declared := list.Declared(word)
			_, kind := list.Type(unpack.Type(word))
			if strings.Contains(word, "/") || unpack.Type(word).Family() != "" {
				ext = false
			}
			return ext || declared || kind
		}
		for word := range strings.FieldsSeq(c.refused) {
			if !refuses(word) {
				t.Errorf("%s: %s is not refused", name, word)
			}
		}
		for word := range strings.FieldsSeq(c.accepted) {
			if refuses(word) {
				t.Errorf("%s: %s is refused", name, word)
			}
		}
	}
}

// A list is asked by sessions at once, and one made from another's settings
// shares nothing with it.
func TestListsDoNotShare(t *testing.T) {
	if _, err := ParseList(Settings{Allow: Choice{Extensions: []string{"exe"}}}); err != nil {
		t.Fatal(err)
	}
	if _, refused := DefaultList.Extension("exe"); !refused {
		t.Error("allowing exe for one has changed the default")
	}
}
