package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// environment lays variables over the file. SLUICE_ADMIN__ADDRESS is
// admin.address, SLUICE__HOSTNAME is hostname, SLUICE_ROUTES__0__TLS the tls
// of the first route. Names without a double underscore are not ours:
// Kubernetes sets SLUICE_PORT for a Service called sluice. The suffix _FILE
// names a file that holds the value, and wins over the plain variable.
func (d *decoder) environment(environ []string, root reflect.Value) {
	values := map[string]string{}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "SLUICE_") && strings.Contains(name, "__") {
			values[name] = value
		}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := position{file: "environment " + name}
		value := values[name]
		if _, ok := values[name+"_FILE"]; ok {
			d.problems.warnf(at, "%s_FILE is set too and wins", name)
			continue
		}
		plain, isFile := strings.CutSuffix(name, "_FILE")
		if isFile {
			content, err := d.read(value)
			if err != nil {
				d.problems.errorf(at, "%v", err)
				continue
			}
			value = trimNewline(string(content))
		}
		keys := strings.Split(strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(plain, "SLUICE_"), "_")), "__")
		if path, ok := d.assign(root, keys, value, at); ok && isFile {
			d.written[path] = "${file:" + values[name] + "}"
		}
	}
}

// flags lays --set key=value over everything.
func (d *decoder) flags(flags []string, root reflect.Value) {
	for _, f := range flags {
		key, value, ok := strings.Cut(f, "=")
		at := position{file: "flag --set " + key}
		if !ok {
			d.problems.errorf(at, "want key=value")
			continue
		}
		d.assign(root, strings.Split(key, "."), value, at)
	}
}

// assign sets one value from outside the file. Numbers among keys are places
// in a list that the file has made.
func (d *decoder) assign(v reflect.Value, keys []string, text string, at position) (path string, ok bool) {
	var tag reflect.StructTag
	for _, key := range keys {
		switch {
		case v.Kind() == reflect.Struct && !isScalar(v.Type()):
			fields := fieldsOf(v.Type())
			i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
			if i < 0 {
				d.problems.errorf(at, "unknown key %q%s", key, nearest(key, keysOf(v.Type())))
				return "", false
			}
			v, tag, path = v.FieldByIndex(fields[i].Index), fields[i].Tag, join(path, key)
		case v.Kind() == reflect.Slice && !isScalar(v.Type()):
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= v.Len() {
				d.problems.errorf(at, "%q has no item %q; it has %d, counted from 0", path, key, v.Len())
				return "", false
			}
			v, path = v.Index(i), path+"["+key+"]"
		default:
			d.problems.errorf(at, "%q has no keys below it that can be set here", path)
			return "", false
		}
	}
	if !settable(v.Type()) {
		d.problems.errorf(at, "%q can only be written in the file", path)
		return "", false
	}
	if _, isSecret := v.Addr().Interface().(*secret); isSecret && strings.HasPrefix(at.file, "flag") {
		d.problems.errorf(at, "secrets do not belong into arguments, which every process can read")
		return "", false
	}
	errs := len(d.problems)
	for p := parentPath(path); p != ""; p = parentPath(p) {
		if _, ok := d.where[p]; !ok {
			d.where[p] = at // what is around it was said with it
		}
	}
	d.value(textNode(v.Type(), text, at), v, tag, path)
	return path, len(d.problems) == errs
}

// settable reports whether one line of text can hold a t.
func settable(t reflect.Type) bool {
	if isScalar(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		return settable(t.Elem())
	case reflect.Struct, reflect.Map:
		return false
	}
	return true
}
