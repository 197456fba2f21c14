package mime

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// corporaRoot returns the folder of public test data.
func corporaRoot(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SLUICE_CORPORA")
	if root == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	return root
}

// filesIn returns the content of the files that text holds, one behind the
// other, and what was wrong with them.
func filesIn(text []byte) (content []byte, files int, defects []Defect) {
	e := &embedded{
		begin: func([]byte) { files++ },
		data:  func(b []byte) { content = append(content, b...) },
		end:   func(list []Defect) { defects = append(defects, list...) },
	}
	e.write(text)
	e.close()
	return content, files, defects
}

func TestYEncCorpora(t *testing.T) {
	root := filepath.Join(corporaRoot(t), "mimekit", "yenc")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// Sizes and checksums are in the files themselves.
	var whole []byte
	for _, name := range []string{"simple.msg", "state-changes.ntx", "00000020.ntx", "00000021.ntx"} {
		content, files, defects := filesIn(read(name))
		if files != 1 || defects != nil {
			t.Errorf("%s: %d files, %v", name, files, defects)
		}
		if name[0] == '0' {
			whole = append(whole, content...)
		}
	}
	if !bytes.Equal(whole, read("joystick.jpg")) {
		t.Error("the two parts do not make the picture")
	}
}

func TestUUCorpora(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(corporaRoot(t), "libarchive-test", "*.uu"))
	if err != nil || len(names) < 100 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, files, defects := filesIn(b)
		if want := bytes.Count(b, []byte("begin ")) + bytes.Count(b, []byte("begin-base64 ")); files != want || defects != nil {
			t.Errorf("%s: %d files, want %d, %v", filepath.Base(name), files, want, defects)
		}
	}
}
