//! Nested columns of a Parquet file as JSON texts, one a row.
//!
//! Called by [`super`]. The levels of all leaves below a column are walked side by side, as Dremel puts records together
//! again: a definition level says how much of a value's path is there, a repetition level which list goes on. Lists and
//! maps are spelled as pandas shows them, a map as pairs. Recursion is bounded by the schema, which was checked.

use ::parquet::basic::{ConvertedType, LogicalType, Repetition};
use ::parquet::schema::types::Type;

use super::bounds::Budget;
use super::leaf::Leaf;
use crate::dialect::mlflow::enforce::push_scalar;
use crate::dialect::mlflow::python::push_text;
use crate::dialect::mlflow::scalar::Problem;
use crate::values::Packed;

/// A place among a leaf's values.
struct Cursor {
    leaf: Leaf,
    /// Of the levels.
    at: usize,
    /// Of the values that are present.
    value: usize,
}

/// The leaves below a column, and the text that is written.
struct Assembly<'a> {
    cursors: Vec<Cursor>,
    out: Vec<u8>,
    budget: &'a mut Budget,
}

/// A node of the schema and the levels above it.
#[derive(Clone, Copy)]
struct Node<'t> {
    schema: &'t Type,
    /// The first of its leaves.
    first: usize,
    definition: i16,
    repetition: i16,
}

/// The texts of a column whose leaves are `leaves`, and which of them are present.
pub(super) fn column(
    schema: &Type,
    leaves: Vec<Leaf>,
    rows: usize,
    budget: &mut Budget,
) -> Result<(Packed, Vec<u8>), Problem> {
    if has_empty_group(schema) {
        return Err("a group has no fields".to_owned());
    }
    let cursors = leaves.into_iter().map(|leaf| Cursor { leaf, at: 0, value: 0 }).collect();
    let mut assembly = Assembly { cursors, out: Vec::new(), budget };
    let (mut texts, mut validity) = (Packed::with_capacity(rows, 0), Vec::with_capacity(rows));
    let node = Node { schema, first: 0, definition: 0, repetition: 0 };
    for _ in 0..rows {
        assembly.out.clear();
        assembly.field(node)?;
        let missing = assembly.out == b"null";
        validity.push(u8::from(!missing));
        if !texts.push(if missing { b"" } else { &assembly.out }) {
            return Err(crate::dialect::mlflow::column::FULL.to_owned());
        }
    }
    if assembly.cursors.iter().any(|cursor| cursor.at < cursor.leaf.len()) {
        return Err(ragged());
    }
    Ok((texts, validity))
}

fn ragged() -> Problem {
    "the levels of a nested column contradict each other".to_owned()
}

/// How many leaves are below a node.
pub(super) fn leaves(schema: &Type) -> usize {
    if schema.is_group() { schema.get_fields().iter().map(|field| leaves(field)).sum() } else { 1 }
}

fn is_list(schema: &Type) -> bool {
    let info = schema.get_basic_info();
    matches!(info.logical_type_ref(), Some(LogicalType::List)) || info.converted_type() == ConvertedType::LIST
}

fn is_map(schema: &Type) -> bool {
    let info = schema.get_basic_info();
    matches!(info.logical_type_ref(), Some(LogicalType::Map))
        || matches!(info.converted_type(), ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
}

/// Whether a group has no fields somewhere: such a node has no entries to tell how often it is there.
fn has_empty_group(schema: &Type) -> bool {
    schema.is_group()
        && (schema.get_fields().is_empty() || schema.get_fields().iter().any(|field| has_empty_group(field)))
}

pub(super) fn is_repeated(schema: &Type) -> bool {
    let info = schema.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

// === impl Cursor ===

impl Cursor {
    fn definition(&self) -> Result<i16, Problem> {
        if self.leaf.max_definition == 0 {
            return if self.at < self.leaf.data.len() { Ok(0) } else { Err(ragged()) };
        }
        self.leaf.definitions.get(self.at).copied().ok_or_else(ragged)
    }

    /// The repetition level of the value to come; 0 at the end, as where a record begins.
    fn repetition(&self) -> i16 {
        self.leaf.repetitions.get(self.at).copied().unwrap_or(0)
    }
}

// === impl Assembly ===

impl Assembly<'_> {
    fn cursor(&mut self, node: Node<'_>) -> Result<&mut Cursor, Problem> {
        self.cursors.get_mut(node.first).ok_or_else(ragged)
    }

    /// Writes a node that may be missing or repeated.
    fn field(&mut self, node: Node<'_>) -> Result<(), Problem> {
        let info = node.schema.get_basic_info();
        let repetition = if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED };
        match repetition {
            Repetition::REQUIRED => self.value(node),
            Repetition::OPTIONAL => {
                let definition = node.definition + 1;
                if self.cursor(node)?.definition()? < definition {
                    self.out.extend_from_slice(b"null");
                    return self.pass(node);
                }
                self.value(Node { definition, ..node })
            }
            Repetition::REPEATED => self.list(node, Self::value),
        }
    }

    /// Writes the values of a repeated node.
    fn list(
        &mut self,
        node: Node<'_>,
        element: impl Fn(&mut Self, Node<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let node = Node { definition: node.definition + 1, repetition: node.repetition + 1, ..node };
        self.out.push(b'[');
        if self.cursor(node)?.definition()? < node.definition {
            self.pass(node)?;
        } else {
            loop {
                element(self, node)?;
                if self.cursor(node)?.repetition() < node.repetition {
                    break;
                }
                self.out.extend_from_slice(b", ");
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// Passes over the entry that each leaf below a missing or empty node has for it.
    fn pass(&mut self, node: Node<'_>) -> Result<(), Problem> {
        for cursor in self.cursors.iter_mut().skip(node.first).take(leaves(node.schema)) {
            // An entry with a value belongs to a node that is there.
            if cursor.definition()? == cursor.leaf.max_definition {
                return Err(ragged());
            }
            cursor.at += 1;
        }
        Ok(())
    }

    /// Writes a node that is there.
    fn value(&mut self, node: Node<'_>) -> Result<(), Problem> {
        if !node.schema.is_group() {
            return self.leaf(node);
        }
        let fields = node.schema.get_fields();
        if (is_list(node.schema) || is_map(node.schema))
            && let [repeated] = fields
            && is_repeated(repeated)
        {
            let pairs = is_map(node.schema);
            let repeated = Node { schema: repeated, ..node };
            return self.list(repeated, |assembly, node| assembly.entry(node, pairs));
        }
        self.out.push(b'{');
        let mut first = node.first;
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                self.out.extend_from_slice(b", ");
            }
            self.budget.pay(field.name().len())?;
            push_text(&mut self.out, field.name());
            self.out.extend_from_slice(b": ");
            self.field(Node { schema: field, first, ..node })?;
            first += leaves(field);
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes an element of a list, or a pair of a map. Rules: "LIST" and "MAP" in LogicalTypes.md of Parquet.
    fn entry(&mut self, node: Node<'_>, pairs: bool) -> Result<(), Problem> {
        let fields = if node.schema.is_group() { node.schema.get_fields() } else { &[] };
        match fields {
            [key, value] if pairs => {
                self.out.push(b'[');
                self.field(Node { schema: key, ..node })?;
                self.out.extend_from_slice(b", ");
                self.field(Node { schema: value, first: node.first + leaves(key), ..node })?;
                self.out.push(b']');
                Ok(())
            }
            [element] if node.schema.name() != "array" && !node.schema.name().ends_with("_tuple") => {
                self.field(Node { schema: element, ..node })
            }
            _ => self.value(node),
        }
    }

    fn leaf(&mut self, node: Node<'_>) -> Result<(), Problem> {
        let Self { cursors, out, budget } = self;
        let cursor = cursors.get_mut(node.first).ok_or_else(ragged)?;
        if cursor.definition()? != cursor.leaf.max_definition || cursor.value >= cursor.leaf.data.len() {
            return Err(ragged());
        }
        let start = out.len();
        push_scalar(out, &cursor.leaf.data, cursor.value);
        cursor.at += 1;
        cursor.value += 1;
        budget.pay(out.len() - start)
    }
}
