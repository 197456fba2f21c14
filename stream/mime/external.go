package mime

import "strings"

const externalBody = "message/external-body"

// externalLinks is how many addresses of one part are told: 16. Each access
// needs one.
const externalLinks = 16

// external adds the addresses that the parameters of message/external-body
// name: an URL (RFC 2017 section 3), a file by FTP (RFC 2046 section 5.2.3.1
// to 5.2.3.3), or a server that sends it by mail (5.2.3.5). Parameters count
// whatever access-type says.
func (p *params) external(list []string) []string {
	add := func(link string) {
		if len(list) < externalLinks {
			list = append(list, link)
		}
	}
	for _, url := range p.get("url") {
		// Long ones are cut by blanks, which are none of them.
		if url = strings.Join(strings.Fields(url), ""); url != "" {
			add(url)
		}
	}
	name := first(p.get("name"))
	if directory := strings.Trim(first(p.get("directory")), "/"); directory != "" {
		name = directory + "/" + name
	}
	for _, site := range p.get("site") {
		add("ftp://" + site + "/" + name)
	}
	for _, server := range p.get("server") {
		add("mailto:" + server)
	}
	return list
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
