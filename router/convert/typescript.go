package convert

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// IsTypeScript reports whether a text is a program in TypeScript that configures Hive Gateway.
func IsTypeScript(text string) bool {
	return statement.MatchString(text) && configured.MatchString(text)
}

var (
	statement  = regexp.MustCompile(`(?m)^\s*(import\b.*['"]|export\s+(const|default|let|var)\b|module\.exports\b|const\s+\w+.*=)`)
	configured = regexp.MustCompile(`\bdefineConfig\b|\bgatewayConfig\b|@graphql-hive/gateway|@graphql-mesh/serve|\bcreateGatewayRuntime\b`)
	// object matches what is before the object with the configuration.
	object = regexp.MustCompile(`\b(?:gatewayConfig|serveConfig)\b[^=({;]*=\s*(?:\w+\s*\(\s*)?\{|\b(?:defineConfig|createGatewayRuntime)\s*(?:<[^>]*>)?\s*\(\s*\{|\bexport\s+default\s*\{|\bmodule\.exports\s*=\s*\{`)
	// constant matches a constant of the program with a literal value.
	constant    = regexp.MustCompile(`(?m)^(?:export\s+)?const\s+([A-Za-z_$][\w$]*)\s*(?::[^=\n]+)?=\s*`)
	identifier  = regexp.MustCompile(`^[A-Za-z_$][\w$]*`)
	environment = regexp.MustCompile(`^process\.env(?:\.([A-Za-z_]\w*)|\[['"]([A-Za-z_]\w*)['"]\])!?(?:\s*(?:\|\||\?\?)\s*(?:'([^'\\]*)'|"([^"\\]*)"|(\d+)))?$`)
	product     = regexp.MustCompile(`^-?\d[\d_]*(\.\d+)?(\s*\*\s*\d[\d_]*)*$`)
	inTemplate  = regexp.MustCompile(`\$\{([^}]*)\}`)
	asserted    = regexp.MustCompile(`\s+(?:as|satisfies)\s+[\w<>\[\]., ]+$`)
	call        = regexp.MustCompile(`^(createRemoteJwksSigningKeyProvider|extractFromHeader|extractFromCookie)\s*\(\s*\{`)
)

// called is the key for the name of the function that makes a value from an object.
const called = "()"

// readTypeScript reads the object with the configuration of Hive Gateway from a program, without
// running it: objects and lists with strings, numbers and other literals, constants that have such
// values, and variables of the environment. All else is a computed node.
func readTypeScript(text string) (*node, error) {
	text = withoutComments(text)
	at := object.FindStringIndex(text)
	if at == nil {
		return nil, errors.New("it is a TypeScript configuration of Hive Gateway, but the object after defineConfig( or gatewayConfig = was not found; write the configuration as an object literal there")
	}
	r := &tsReader{text: text, constants: map[string]string{}}
	for _, m := range constant.FindAllStringSubmatchIndex(text, -1) {
		end, err := r.end(m[1])
		if err == nil {
			value := strings.TrimSpace(text[m[1]:end])
			if line, _, more := strings.Cut(value, "\n"); more && !bracket(value[0]) { // a statement without a semicolon
				value = strings.TrimSpace(line)
			}
			r.constants[text[m[2]:m[3]]] = value
		}
	}
	from := at[1] - 1
	end, err := r.end(from)
	if err != nil {
		return nil, err
	}
	n, err := r.value("", text[from:end], r.line(from), 0)
	if err == nil && n.computed != "" {
		return nil, fmt.Errorf("line %d: it is a TypeScript configuration of Hive Gateway that is computed; write it as an object literal", n.line)
	}
	if err == nil {
		n.program = true
	}
	return n, err
}

type tsReader struct {
	text      string
	constants map[string]string // the texts of their values
	nodes     int
}

func (r *tsReader) line(at int) int { return 1 + strings.Count(r.text[:at], "\n") }

// end returns where an expression ends, at a separator outside brackets.
func (r *tsReader) end(from int) (int, error) {
	n, err := expressionEnd(r.text[from:])
	if err != nil {
		return 0, fmt.Errorf("line %d: %w", r.line(from), err)
	}
	return from + n, nil
}

// expressionEnd returns the length of the expression at the beginning of a text, which ends at a
// comma, a semicolon, a bracket that it does not open, or, after an object or a list, with the line.
func expressionEnd(text string) (int, error) {
	var open []byte // what closes the brackets that are open
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"', '`':
			n := quotedEnd(text[i:])
			if n == 0 {
				return 0, errors.New("a string has no end")
			}
			i += n - 1
		case '{', '[', '(':
			open = append(open, closing[c])
		case '}', ']', ')':
			if len(open) == 0 {
				return i, nil
			}
			if c != open[len(open)-1] {
				return 0, fmt.Errorf("there is a %c instead of a %c", c, open[len(open)-1])
			}
			open = open[:len(open)-1]
		case ',', ';':
			if len(open) == 0 {
				return i, nil
			}
		case '\n':
			if before := strings.TrimSpace(text[:i]); len(open) == 0 && before != "" && bracket(before[0]) {
				return i, nil
			}
		}
	}
	if len(open) > 0 {
		return 0, errors.New("a bracket is not closed")
	}
	return len(text), nil
}

var closing = map[byte]byte{'{': '}', '[': ']', '(': ')'}

func bracket(c byte) bool { return c == '{' || c == '[' }

// quotedEnd returns the length of the string at the beginning of a text, or 0 if it has no end.
func quotedEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		}
	}
	return 0
}

// withoutComments replaces comments by spaces.
func withoutComments(text string) string {
	out := []byte(text)
	for i := 0; i < len(text); i++ {
		var end int
		switch {
		case text[i] == '\'' || text[i] == '"' || text[i] == '`':
			i += max(quotedEnd(text[i:]), 1) - 1
			continue
		case strings.HasPrefix(text[i:], "//"):
			end = strings.IndexByte(text[i:], '\n')
		case strings.HasPrefix(text[i:], "/*"):
			if end = strings.Index(text[i+2:], "*/"); end >= 0 {
				end += 4
			}
		default:
			continue
		}
		if end < 0 {
			end = len(text) - i
		}
		for j := i; j < i+end; j++ {
			if out[j] != '\n' {
				out[j] = ' '
			}
		}
		i += end - 1
	}
	return string(out)
}

// value reads an expression.
func (r *tsReader) value(key, text string, line, depth int) (*node, error) {
	if r.nodes++; depth > maxNesting || r.nodes > maxNodes {
		return nil, errors.New("it is nested too deeply, or too large")
	}
	line += strings.Count(text[:len(text)-len(strings.TrimLeft(text, " \t\r\n"))], "\n")
	text = strings.TrimSpace(text)
	n := &node{key: key, line: line}
	short := asserted.ReplaceAllString(text, "")
	if bracketed(short) && short[0] == '{' {
		n.isMap = true
		return n, r.members(n, short[1:len(short)-1], line, depth)
	}
	if bracketed(short) && short[0] == '[' {
		n.isList = true
		return n, r.items(n, short[1:len(short)-1], line, depth)
	}
	if m := call.FindStringSubmatch(short); m != nil && strings.HasSuffix(short, ")") {
		if inner := strings.TrimSpace(short[strings.IndexByte(short, '(')+1 : len(short)-1]); bracketed(inner) {
			n.isMap, n.children = true, []*node{{key: called, line: line, raw: m[1], isString: true, read: true, settled: true}}
			return n, r.members(n, inner[1:len(inner)-1], line, depth)
		}
	}
	if known, ok := r.constants[short]; ok && identifier.FindString(short) == short {
		return r.value(key, known, line, depth+1)
	}
	n.literal(short)
	return n, nil
}

// bracketed reports whether an expression is one object or list and nothing else.
func bracketed(text string) bool {
	if text == "" || !bracket(text[0]) {
		return false
	}
	inner, end := text[1:], 0
	for { // past commas
		n, err := expressionEnd(inner[end:])
		if end += n; err != nil || end == len(inner) {
			return false
		}
		if inner[end] == closing[text[0]] {
			return end == len(inner)-1
		}
		end++
	}
}

// literal sets the value of a scalar, or says that it is computed.
func (n *node) literal(text string) {
	switch m := environment.FindStringSubmatch(text); {
	case text == "null" || text == "undefined":
		n.isNull = true
	case text == "true" || text == "false":
		n.raw = text
	case product.MatchString(text):
		n.raw = multiplied(text)
	case m != nil:
		n.raw, n.isString = "${env."+m[1]+m[2], true
		if d := m[3] + m[4] + m[5]; d != "" {
			n.raw += ":-" + d
		}
		n.raw += "}"
	case text != "" && (text[0] == '\'' || text[0] == '"' || text[0] == '`') && quotedEnd(text) == len(text):
		n.raw, n.isString = unquoted(text[1:len(text)-1]), true
		// A configuration has no way to write ${ as it is.
		if text[0] == '`' && !n.template() || text[0] != '`' && strings.Contains(n.raw, "${") {
			n.computed = shown(text)
		}
	default:
		n.computed = shown(text)
	}
}

// template replaces variables of the environment in a template. It is false if there is more.
func (n *node) template() bool {
	whole := true
	n.raw = inTemplate.ReplaceAllStringFunc(n.raw, func(part string) string {
		inner := &node{}
		if text := strings.TrimSpace(part[2 : len(part)-1]); environment.MatchString(text) {
			inner.literal(text)
			return inner.raw
		}
		whole = false
		return part
	})
	return whole
}

// multiplied returns the value of a product of numbers, such as 30 * 1000.
func multiplied(text string) string {
	parts := strings.Split(strings.ReplaceAll(text, "_", ""), "*")
	if len(parts) == 1 {
		return parts[0]
	}
	value := 1.0
	for _, part := range parts {
		f, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			return text
		}
		value *= f
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

// unquoted resolves the escapes of a string.
func unquoted(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			switch text[i] {
			case 'n':
				out.WriteByte('\n')
				continue
			case 't':
				out.WriteByte('\t')
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// maxShown bounds the part of an expression in a message, in bytes.
const maxShown = 60

// shown returns an expression for a message.
func shown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

// members reads the members of an object.
func (r *tsReader) members(n *node, text string, line, depth int) error {
	return r.each(text, line, func(part string, line int) error {
		key, value, ok := member(part)
		child := &node{key: key, line: line}
		switch {
		case ok:
			var err error
			if child, err = r.value(key, value, line, depth+1); err != nil {
				return err
			}
			child.line = line
		case identifier.FindString(part) == part && r.constants[part] != "":
			var err error
			if child, err = r.value(part, r.constants[part], line, depth+1); err != nil {
				return err
			}
			child.line = line
		default: // a method, a member with the name of a variable, or others that it takes over
			child.computed = shown(part)
		}
		n.children = append(n.children, child)
		return nil
	})
}

// member splits a member of an object into its key and its value. It is false if there is no value.
func member(part string) (key, value string, ok bool) {
	if part[0] == '\'' || part[0] == '"' {
		n := quotedEnd(part)
		if rest := strings.TrimSpace(part[n:]); n > 0 && strings.HasPrefix(rest, ":") {
			return unquoted(part[1 : n-1]), rest[1:], true
		}
		return shown(part), "", false
	}
	part = strings.TrimPrefix(strings.TrimPrefix(part, "async "), "get ")
	name := identifier.FindString(part)
	if name == "" {
		return shown(part), "", false
	}
	rest := strings.TrimSpace(part[len(name):])
	if strings.HasPrefix(rest, ":") {
		return name, rest[1:], true
	}
	return name, "", false
}

func (r *tsReader) items(n *node, text string, line, depth int) error {
	return r.each(text, line, func(part string, line int) error {
		child, err := r.value(strconv.Itoa(len(n.children)), part, line, depth+1)
		n.children = append(n.children, child)
		return err
	})
}

// each calls f for the parts of a text between commas.
func (r *tsReader) each(text string, line int, f func(part string, line int) error) error {
	for text != "" {
		end, err := expressionEnd(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		part := text[:end]
		begins := line + strings.Count(part[:len(part)-len(strings.TrimLeft(part, " \t\r\n"))], "\n")
		if trimmed := strings.TrimSpace(part); trimmed != "" {
			if err := f(trimmed, begins); err != nil {
				return err
			}
		}
		line += strings.Count(part, "\n")
		switch rest := text[end:]; {
		case rest == "":
			return nil
		case rest[0] == '\n':
			if rest = strings.TrimSpace(rest); rest != "" && rest[0] != ',' { // an operator follows, or the input is wrong
				return fmt.Errorf("line %d: a comma is missing", line)
			}
		}
		line += strings.Count(text[end:min(end+1, len(text))], "\n")
		text = text[min(end+1, len(text)):]
	}
	return nil
}
