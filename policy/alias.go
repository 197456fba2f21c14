package policy

import (
	"maps"
	"slices"
)

// addAliases notes aliases as they are written. o is the tenant they stand
// under; nil: none.
func (b *builder) addAliases(aliases map[string]string, o *owner, path string) {
	for _, from := range slices.Sorted(maps.Keys(aliases)) { // errors in a steady order
		at := path + "aliases[" + from + "]"
		_, key, ok := b.address(at, from, o)
		if !ok {
			continue
		}
		if _, twice := b.aliases.find(key); twice {
			b.fail(at, "the same address again")
			continue
		}
		to, err := parseMailbox(aliases[from])
		if err != nil {
			b.fail(at, err.Error())
			continue
		}
		if !b.aliases.put(key, uint32(len(b.targets))) {
			b.fail(at, "one alias too many")
			continue
		}
		b.targets = append(b.targets, to)
		b.aliasPaths = append(b.aliasPaths, at)
	}
}

// followAliases puts the end of each chain in place of its next link. One that
// comes back to itself, or ends where no route leads, cannot be used.
func (b *builder) followAliases() {
	const (
		open   = 0
		walked = 1 // on the chain being walked
		done   = 2
		broken = 3 // reported
	)
	state := make([]uint8, len(b.targets))
	var chain []uint32
	for i := range b.targets {
		chain = chain[:0]
		at, end := uint32(i), b.targets[i]
		result := uint8(done)
		for {
			if state[at] == done || state[at] == broken {
				result, end = state[at], b.targets[at]
				break
			}
			if state[at] == walked {
				b.fail(b.aliasPaths[at], "leads back to itself")
				result = broken
				break
			}
			state[at] = walked
			chain = append(chain, at)
			end = b.targets[at]
			key, _ := end.appendKey(nil)
			next, ok := b.aliases.find(key)
			if !ok {
				if b.domains.find(end.Domain) == nil {
					b.fail(b.aliasPaths[at], "no route takes mail for what it stands for")
					result = broken
				}
				break
			}
			at = next
		}
		for _, link := range chain {
			state[link] = result
			b.targets[link] = end
		}
	}
}
