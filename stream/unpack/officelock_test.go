package unpack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"
)

// lockedAgile encrypts as [MS-OFFCRYPTO] section 2.3.4.10 ff. says.
func lockedAgile(password string, plain []byte, spin int) []byte {
	salt, dataSalt, key := bigStream(16), bigStream(32)[16:], bigStream(64)[32:]
	sum := sha512.Sum512([]byte(string(salt) + wide(password)))
	for i := range spin {
		sum = sha512.Sum512(append(binary.LittleEndian.AppendUint32(nil, uint32(i)), sum[:]...))
	}
	cbc := func(key, iv, b []byte) []byte {
		block, err := aes.NewCipher(key)
		if err != nil {
			panic(err)
		}
		out := make([]byte, (len(b)+15)/16*16)
		copy(out, b)
		cipher.NewCBCEncrypter(block, iv[:16]).CryptBlocks(out, out)
		return out
	}
	lock := func(purpose string, b []byte) string {
		k := sha512.Sum512(append(sum[:], purpose...))
		return base64.StdEncoding.EncodeToString(cbc(k[:32], salt, b))
	}
	input := bigStream(80)[64:]
	want := sha512.Sum512(input)
	text := base64.StdEncoding.EncodeToString
	const common = `saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"`
	info := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password">`+
		`<keyData %s saltValue="%s"/><dataIntegrity encryptedHmacKey="" encryptedHmacValue=""/><keyEncryptors><keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password">`+
		`<p:encryptedKey spinCount="%d" %s saltValue="%s" encryptedVerifierHashInput="%s" encryptedVerifierHashValue="%s" encryptedKeyValue="%s"/></keyEncryptor></keyEncryptors></encryption>`,
		common, text(dataSalt), spin, common, text(salt), lock(agileInput, input), lock(agileWant, want[:]), lock(agileValue, key))
	packed := binary.LittleEndian.AppendUint64(nil, uint64(len(plain)))
	for i := 0; i*4096 < len(plain); i++ {
		iv := sha512.Sum512(binary.LittleEndian.AppendUint32(bytes.Clone(dataSalt), uint32(i)))
		packed = append(packed, cbc(key, iv[:], plain[i*4096:min(len(plain), (i+1)*4096)])...)
	}
	return makeCFB(cfbFile{path: "EncryptionInfo", data: append([]byte{4, 0, 4, 0, 0x40, 0, 0, 0}, info...)}, cfbFile{path: "EncryptedPackage", data: packed})
}

// lockedStandard encrypts as section 2.3.4.5 ff. says, by AES-128.
func lockedStandard(password string, plain []byte) []byte {
	salt := bigStream(16)
	sum := sha1.Sum([]byte(string(salt) + wide(password)))
	for i := range 50_000 {
		sum = sha1.Sum(append(binary.LittleEndian.AppendUint32(nil, uint32(i)), sum[:]...))
	}
	sum = sha1.Sum(append(sum[:], 0, 0, 0, 0))
	pad := bytes.Repeat([]byte{0x36}, 64)
	for i, c := range sum {
		pad[i] ^= c
	}
	key := sha1.Sum(pad)
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err)
	}
	lock := func(b []byte) []byte {
		out := make([]byte, (len(b)+15)/16*16)
		copy(out, b)
		for i := 0; i < len(out); i += 16 {
			block.Encrypt(out[i:], out[i:])
		}
		return out
	}
	header := make([]byte, 32)
	binary.LittleEndian.PutUint32(header[8:], 0x660E)
	binary.LittleEndian.PutUint32(header[12:], 0x8004)
	binary.LittleEndian.PutUint32(header[16:], 128)
	header = append(header, wide("Provider\x00")...)
	info := []byte{4, 0, 2, 0, 0x24, 0, 0, 0}
	info = append(binary.LittleEndian.AppendUint32(info, uint32(len(header))), header...)
	info = append(binary.LittleEndian.AppendUint32(info, 16), salt...)
	input := bigStream(32)[16:]
	want := sha1.Sum(input)
	info = append(info, lock(input)...)
	info = append(binary.LittleEndian.AppendUint32(info, 20), lock(want[:])...)
	packed := append(binary.LittleEndian.AppendUint64(nil, uint64(len(plain))), lock(plain)...)
	return makeCFB(cfbFile{path: "EncryptionInfo", data: info}, cfbFile{path: "EncryptedPackage", data: packed})
}

func TestExcelPassword(t *testing.T) {
	plain := smallZip(t, "a.exe", string(bigStream(9000)))
	tests := []struct {
		name string
		file []byte
		open bool
	}{
		{"agile", lockedAgile(officePassword, plain, 1000), true},
		{"agile, as Office", lockedAgile(officePassword, plain, maxSpin), true},
		{"agile, too dear", lockedAgile(officePassword, plain, maxSpin+1), false},
		{"agile, another", lockedAgile("secret", plain, 10), false},
		{"standard", lockedStandard(officePassword, plain), true},
		{"standard, another", lockedStandard("secret", plain), false},
	}
	for _, tt := range tests {
		s := tellAll(t, openOLE2, tt.file, 0)
		m := s.find("package")
		if open := m != nil && bytes.Equal(m.data, plain); open != tt.open || s.has(RuleEncryptedDoc) == tt.open {
			t.Errorf("%s: open %v: %v", tt.name, open, s.rules())
		}
	}
}

func FuzzOfficeKey(f *testing.F) {
	for _, file := range [][]byte{lockedAgile(officePassword, nil, 1), lockedAgile("x", nil, 1), lockedStandard("x", nil)} {
		c := openCFB(file, func(int64) bool { return true })
		for i := range c.entries {
			if c.entries[i].name == "EncryptionInfo" {
				f.Add(bytes.Join(c.runs(&c.entries[i]), nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, info []byte) {
		if open := officeKey(info); open != nil {
			open(make([]byte, 5000/16*16))
		}
	})
}
