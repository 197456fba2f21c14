package attachment

import "strings"

// defaultExtensions are what Windows runs when it is clicked on, with what
// mounts as a disk or cannot be looked into. It is close to the lists of the
// large mail programs and providers.
func defaultExtensions() []string {
	return strings.Fields(`
		ade adp apk appinstaller application appref-ms appx appxbundle bat
		chm cmd com cpl diagcab dll exe gadget hta img ins iso isp jar jnlp js
		jse lib library-ms lnk mde msc msi msix msixbundle msp mst nsh one pif
		ps1 reg scf scr sct search-ms searchconnector-ms settingcontent-ms shb
		shs sys url vb vbe vbs vhd vhdx vxd website wim ws wsb wsc wsf wsh xbap
		xll ace arj cab`)
}

// defaultTypes are the same by octets and by media type. What a program was
// declared as matters only where mail programs choose by it what opens a file.
func defaultTypes() []string {
	return strings.Fields(`
		executable unsupported onenote
		application/ecmascript
		application/hta
		application/java-archive
		application/javascript
		application/vnd.ms-htmlhelp
		application/vnd.microsoft.portable-executable
		application/x-dosexec
		application/x-executable
		application/x-java-archive
		application/x-javascript
		application/x-ms-dos-executable
		application/x-ms-installer
		application/x-ms-shortcut
		application/x-msdos-program
		application/x-msdownload
		application/x-msi
		application/x-vbs
		text/ecmascript
		text/javascript
		text/vbscript`)
}
