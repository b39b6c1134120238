//! Python literals, as the captured server's `repr` wrote what its model got.
//!
//! Called for both sides of every comparison. Knows only what occurs in the captures and panics at anything else, so
//! that a capture which is not understood fails its test.

/// A value as Python's `repr` spells it; numbers are compared as floats, which print their shortest digits.
#[derive(Clone, Debug)]
pub(crate) enum Python {
    None,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Nanoseconds since the epoch; `None` for `NaT`.
    Moment(Option<i64>),
    List(Vec<Python>),
    Dict(Vec<(String, Python)>),
}

struct Parser<'t> {
    rest: &'t str,
}

impl PartialEq for Python {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Boolean(one), Self::Boolean(two)) => one == two,
            (Self::Integer(one), Self::Integer(two)) => one == two,
            // NaN is what it is on both sides; the sign of a zero counts.
            (Self::Float(one), Self::Float(two)) => {
                one.to_bits() == two.to_bits() || (one.is_nan() && two.is_nan())
            }
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::Moment(one), Self::Moment(two)) => one == two,
            (Self::List(one), Self::List(two)) => one == two,
            (Self::Dict(one), Self::Dict(two)) => one == two,
            _ => false,
        }
    }
}

impl Python {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text };
        let value = parser.value();
        assert!(parser.rest.is_empty(), "{text}: `{}` is left", parser.rest);
        value
    }

    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(value) => Self::Boolean(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Self::Integer(value.into()),
                None => Self::Float(number.as_f64().expect("a number")),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(items) => {
                Self::Dict(items.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }

    /// Nanoseconds of `2021-01-01 00:00:00.123456789`.
    fn moment(text: &str) -> Self {
        let moment: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().expect("a moment");
        let moment = jiff::tz::Offset::UTC.to_timestamp(moment).expect("a moment in range");
        Self::Moment(Some(i64::try_from(moment.as_nanosecond()).expect("nanoseconds in range")))
    }
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) {
        assert!(self.eat(token), "expected `{token}` at `{}`", self.rest);
    }

    fn value(&mut self) -> Python {
        for (wrapper, end) in [("np.float64(", ")"), ("np.int64(", ")"), ("np.bytes_(", ")"), ("array(", "")]
        {
            if self.eat(wrapper) {
                let value = self.value();
                if wrapper == "array(" && !self.eat(")") {
                    self.expect(", dtype=");
                    let close = self.rest.find(')').expect("an end of the array");
                    self.rest = &self.rest[close + 1..];
                }
                self.expect(end);
                return value;
            }
        }
        if self.eat("Timestamp(") {
            let Python::Text(text) = self.value() else { panic!("a timestamp of text") };
            self.expect(")");
            return Python::moment(&text);
        }
        if self.eat("datetime.datetime(") {
            let parts = self.items(")").into_iter().map(|part| match part {
                Python::Integer(part) => part,
                other => panic!("{other:?} is no part of a moment"),
            });
            let parts: Vec<i128> = parts.collect();
            let [year, month, day, hour, minute] = parts[..] else { panic!("{parts:?} is no whole minute") };
            return Python::Text(format!("{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:00"));
        }
        if self.eat("datetime.date(") {
            let parts: Vec<String> = self.items(")").into_iter().map(|part| format!("{part:?}")).collect();
            let parts: Vec<&str> =
                parts.iter().map(|part| part.trim_start_matches("Integer(").trim_end_matches(')')).collect();
            return Python::Text(format!("{}-{:0>2}-{:0>2}", parts[0], parts[1], parts[2]));
        }
        for (name, value) in [
            ("None", Python::None),
            ("True", Python::Boolean(true)),
            ("False", Python::Boolean(false)),
            ("nan", Python::Float(f64::NAN)),
            ("NaT", Python::Moment(None)),
            ("inf", Python::Float(f64::INFINITY)),
            ("-inf", Python::Float(f64::NEG_INFINITY)),
        ] {
            if self.eat(name) {
                return value;
            }
        }
        match self.rest.as_bytes().first() {
            Some(b'[') => {
                self.expect("[");
                Python::List(self.items("]"))
            }
            Some(b'{') => self.dict(),
            Some(b'b') => {
                self.expect("b");
                Python::Bytes(
                    self.quoted().into_iter().map(|unit| u8::try_from(unit).expect("a byte")).collect(),
                )
            }
            Some(b'\'' | b'"') => Python::Text(
                self.quoted().into_iter().map(|unit| char::from_u32(unit).expect("a char")).collect(),
            ),
            _ => self.number(),
        }
    }

    fn items(&mut self, end: &str) -> Vec<Python> {
        let mut items = Vec::new();
        while !self.eat(end) {
            if !items.is_empty() {
                self.expect(", ");
            }
            items.push(self.value());
        }
        items
    }

    fn dict(&mut self) -> Python {
        self.expect("{");
        let mut items = Vec::new();
        while !self.eat("}") {
            if !items.is_empty() {
                self.expect(", ");
            }
            let Python::Text(key) = self.value() else { panic!("a key of text") };
            self.expect(": ");
            items.push((key, self.value()));
        }
        Python::Dict(items)
    }

    fn quoted(&mut self) -> Vec<u32> {
        let mut characters = self.rest.char_indices();
        let (_, quote) = characters.next().expect("a quote");
        let mut out = Vec::new();
        loop {
            let (at, character) = characters.next().expect("an end of the text");
            if character == quote {
                self.rest = &self.rest[at + 1..];
                return out;
            }
            if character != '\\' {
                out.push(u32::from(character));
                continue;
            }
            match characters.next().expect("an escape").1 {
                'x' => {
                    let digits: String = characters.by_ref().take(2).map(|(_, digit)| digit).collect();
                    out.push(u32::from_str_radix(&digits, 16).expect("hexadecimal digits"));
                }
                'n' => out.push(10),
                other => out.push(u32::from(other)),
            }
        }
    }

    fn number(&mut self) -> Python {
        let end = self.rest.find([',', ']', '}', ')']).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        match number.parse() {
            Ok(integer) => Python::Integer(integer),
            Err(_) => Python::Float(number.parse().unwrap_or_else(|_| panic!("`{number}` is no number"))),
        }
    }
}
