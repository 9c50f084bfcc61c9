//! What the tokens of SQL say: names as PostgreSQL folds them, and the values of string constants.

use crate::tree::SyntaxKind;
use crate::{Ident, MAX_IDENT_BYTES};

/// Folds a name as PostgreSQL does: quoted as it is, bare in lower case.
pub(crate) fn fold(name: &str) -> String {
    if let Some(quoted) = quoted(name) {
        return quoted.replace("\"\"", "\"");
    }
    let unicode = name
        .strip_prefix(['u', 'U'])
        .and_then(|rest| rest.strip_prefix('&'));
    match unicode.and_then(quoted) {
        Some(quoted) => Decoder::default().unicode(&quoted.replace("\"\"", "\"")).text(),
        None => name.to_ascii_lowercase(),
    }
}

/// The name as PostgreSQL keeps it, cut to 63 bytes; `None` for what can be no name.
pub(crate) fn ident(name: &str) -> Option<Ident> {
    let mut end = name.len().min(MAX_IDENT_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Ident::new(name.get(..end)?).ok()
}

/// The value of a string constant, and for each of its bytes the place in the token that it was read from.
/// `None` for a token of another kind.
pub(crate) fn string(kind: SyntaxKind, token: &str) -> Option<(String, Vec<usize>)> {
    let mut decoder = Decoder::default();
    let inner = |prefix: usize| {
        let rest = token.get(prefix..)?;
        rest.strip_prefix('\'')?.strip_suffix('\'')
    };
    match kind {
        SyntaxKind::STRING => decoder.at(1).plain(inner(0)?),
        SyntaxKind::NATIONAL_STRING => decoder.at(2).plain(inner(1)?),
        SyntaxKind::ESC_STRING => decoder.at(2).escaped(inner(1)?),
        SyntaxKind::UNICODE_ESC_STRING => decoder.at(3).unicode(&inner(2)?.replace("''", "'")),
        SyntaxKind::DOLLAR_QUOTED_STRING => {
            let tag = token.get(1..)?.find('$')? + 2;
            let value = token.get(tag..token.len().checked_sub(tag)?)?;
            decoder.at(tag).literal(value)
        }
        _ => return None,
    };
    Some(decoder.finish())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

#[derive(Default)]
struct Decoder {
    bytes: Vec<u8>,
    places: Vec<usize>,
    at: usize,
}

impl Decoder {
    fn at(&mut self, at: usize) -> &mut Self {
        self.at = at;
        self
    }

    fn push(&mut self, bytes: &[u8], read: usize) {
        self.bytes.extend_from_slice(bytes);
        self.places.extend(bytes.iter().enumerate().map(|(index, _)| {
            // A character that stands for itself keeps the place of each of its bytes.
            if bytes.len() == read {
                self.at + index
            } else {
                self.at
            }
        }));
        self.at += read;
    }

    fn char(&mut self, c: char, read: usize) {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes(), read);
    }

    fn literal(&mut self, text: &str) -> &mut Self {
        self.push(text.as_bytes(), text.len());
        self
    }

    /// `'it''s'`.
    fn plain(&mut self, text: &str) -> &mut Self {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let doubled = c == '\'' && chars.next_if_eq(&'\'').is_some();
            self.char(c, c.len_utf8() + usize::from(doubled));
        }
        self
    }

    /// What stands between the quotes of `E'\x41\n'`.
    fn escaped(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let behind = rest.get(c.len_utf8()..).unwrap_or_default();
            let read = match c {
                '\'' if behind.starts_with('\'') => {
                    self.char('\'', 2);
                    2
                }
                '\\' => 1 + self.escape(behind),
                c => {
                    self.char(c, c.len_utf8());
                    c.len_utf8()
                }
            };
            rest = rest.get(read..).unwrap_or_default();
        }
        self
    }

    /// Reads what follows a backslash, and gives its length.
    fn escape(&mut self, text: &str) -> usize {
        let digits = |from: usize, most: usize, radix: u32| {
            let rest = text.get(from..).unwrap_or_default();
            rest.chars().take(most).take_while(|c| c.is_digit(radix)).count()
        };
        let number = |from: usize, count: usize, radix: u32| {
            u32::from_str_radix(text.get(from..from + count).unwrap_or_default(), radix).ok()
        };
        let Some(first) = text.chars().next() else {
            self.char('\\', 1);
            return 0;
        };
        let byte = |value: Option<u32>| value.map(|value| u8::try_from(value & 0xff).unwrap_or_default());
        let wide = match first {
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if wide > 0
            && digits(1, wide, 16) == wide
            && let Some(c) = number(1, wide, 16).and_then(char::from_u32)
        {
            self.char(c, 2 + wide);
            return 1 + wide;
        }
        let hex = if first == 'x' { digits(1, 2, 16) } else { 0 };
        let octal = digits(0, 3, 8);
        if let Some(value) = byte(number(1, hex, 16)).filter(|_| hex > 0) {
            self.push(&[value], 2 + hex);
            return 1 + hex;
        }
        if let Some(value) = byte(number(0, octal, 8)).filter(|_| octal > 0) {
            self.push(&[value], 1 + octal);
            return octal;
        }
        let c = match first {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            c => c,
        };
        self.char(c, 1 + first.len_utf8());
        first.len_utf8()
    }

    /// `\0061` and `\+000061` for a character, `\\` for a backslash.
    fn unicode(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let behind = rest.get(c.len_utf8()..).unwrap_or_default();
            let (digits, sign) = match behind.strip_prefix('+') {
                Some(digits) => (digits.get(..6), 1),
                None => (behind.get(..4), 0),
            };
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let (c, read) = match (c, code.and_then(char::from_u32)) {
                ('\\', Some(code)) => (code, 1 + sign + digits.map_or(0, str::len)),
                ('\\', None) if behind.starts_with('\\') => ('\\', 2),
                _ => (c, c.len_utf8()),
            };
            self.char(c, read);
            rest = rest.get(read..).unwrap_or_default();
        }
        self
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn finish(self) -> (String, Vec<usize>) {
        match String::from_utf8(self.bytes) {
            Ok(text) => (text, self.places),
            // Bytes that are no text say nothing about places.
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_postgresql_keeps_them() {
        for (written, kept) in [
            ("Notes", "notes"),
            ("\"A \"\"b\"\"\"", "A \"b\""),
            ("GRÖSSE", "grÖsse"),
            ("U&\"d\\0061t\\+000061\"", "data"),
        ] {
            assert_eq!(fold(written), kept);
        }
        let long = "é".repeat(40);
        assert_eq!(ident(&long).unwrap().as_str(), "é".repeat(31));
        assert_eq!(ident(""), None);
    }

    #[test]
    fn strings_have_the_values_that_postgresql_reads() {
        for (kind, token, value) in [
            (SyntaxKind::STRING, "'it''s'", "it's"),
            (SyntaxKind::STRING, "'a\\n'", "a\\n"),
            (
                SyntaxKind::ESC_STRING,
                r"E'a\'b''c\\\n\x41\102\u00e9'",
                "a'b'c\\\nABé",
            ),
            (SyntaxKind::ESC_STRING, r"e'\xc3\xa9\q'", "éq"),
            (SyntaxKind::DOLLAR_QUOTED_STRING, "$$it's$$", "it's"),
            (SyntaxKind::DOLLAR_QUOTED_STRING, "$a$x $$ y$a$", "x $$ y"),
            (SyntaxKind::UNICODE_ESC_STRING, r"U&'\0061\\''\+000062'", r"a\'b"),
            (SyntaxKind::NATIONAL_STRING, "N'x'", "x"),
        ] {
            assert_eq!(string(kind, token).unwrap().0, value, "{token}");
        }
        assert_eq!(string(SyntaxKind::INT_NUMBER, "1"), None);
        let (_, places) = string(SyntaxKind::STRING, "'a''b'").unwrap();
        assert_eq!(places, [1, 2, 4]);
    }
}
