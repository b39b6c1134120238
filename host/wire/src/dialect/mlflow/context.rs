//! What every part of a decode shares: the form being read and the fault that ends it.
//!
//! serde's errors carry only a text, so whoever finds a fault leaves it here and fails with any error; [`super::decode`]
//! takes it from here. Lives for one request.

use std::cell::{Cell, RefCell};

use serde::de::Error;

use super::compat::Compat;
use super::lenient::Rewritten;
use crate::fault::{Fault, FaultKind};

/// The four spellings of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Split,
    Records,
    Instances,
    Inputs,
}

/// One request's decode.
#[derive(Debug)]
pub(super) struct Context<'b> {
    body: &'b str,
    rewritten: Option<&'b Rewritten>,
    pub(super) compat: Compat,
    /// Whether the text that is read has texts where the body had bare infinities.
    pub(super) lenient: bool,
    /// Whether rows without names are for the signature's columns in their order, which MLflow refuses.
    pub(super) by_position: bool,
    /// The form that is being read.
    pub(super) form: Cell<Form>,
    fault: RefCell<Option<Fault>>,
    /// How many more cells may be filled in that the body does not spell.
    fill_budget: Cell<usize>,
}

/// Cells that any request may leave out, however short it is.
const FREE_FILL: usize = 1 << 20;

// === impl Form ===

impl Form {
    pub(super) const ALL: [Self; 4] = [Self::Split, Self::Records, Self::Instances, Self::Inputs];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Split => "dataframe_split",
            Self::Records => "dataframe_records",
            Self::Instances => "instances",
            Self::Inputs => "inputs",
        }
    }

    pub(super) fn is_dataframe(self) -> bool {
        matches!(self, Self::Split | Self::Records)
    }
}

// === impl Context ===

impl<'b> Context<'b> {
    /// `rewritten` is the body without bare literals, where it had some.
    pub(super) fn new(body: &'b str, rewritten: Option<&'b Rewritten>, compat: Compat) -> Self {
        Self {
            body,
            rewritten,
            compat,
            lenient: rewritten.is_some(),
            by_position: false,
            form: Cell::new(Form::Split),
            fault: RefCell::new(None),
            fill_budget: Cell::new(FREE_FILL.saturating_add(body.len().saturating_mul(4))),
        }
    }

    /// The same, with or without names being left out.
    pub(super) fn by_position(self, by_position: bool) -> Self {
        Self { by_position, ..self }
    }

    /// Leaves a fault and gives the error to fail with.
    #[cold]
    pub(super) fn refuse<E: Error>(&self, fault: Fault) -> E {
        // The first one is the cause of the others.
        self.fault.borrow_mut().get_or_insert(fault);
        E::custom("refused")
    }

    /// The fault that was left, if any.
    pub(super) fn take_fault(&self) -> Option<Fault> {
        self.fault.take()
    }

    /// The JSON text that is read.
    pub(super) fn text(&self) -> &'b str {
        self.rewritten.map_or(self.body, |rewritten| &rewritten.text)
    }

    /// A fault of syntax found in `part`, a slice of the text, with its place in the body.
    #[cold]
    pub(super) fn syntax(&self, part: &str, error: &serde_json::Error) -> Fault {
        let text = self.text();
        // `part` lies within `text`; where it does not, its own offset is the best there is.
        let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let start = if start <= text.len() { start } else { 0 };
        let line_start = match error.line().checked_sub(2) {
            None => 0,
            Some(line) => part.match_indices('\n').nth(line).map_or(0, |(at, _)| at + 1),
        };
        let within = match error.classify() {
            serde_json::error::Category::Eof => part.len(),
            _ => (line_start + error.column()).saturating_sub(1),
        };
        let offset = self.rewritten.map_or(start + within, |rewritten| rewritten.original(start + within));
        let before = &self.body.as_bytes()[..offset.min(self.body.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        // serde_json ends its text with a place of its own.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        // What is JSON, but not of the form that is wanted there, is no matter of syntax.
        let advice = match error.classify() {
            serde_json::error::Category::Data => "",
            _ => " Ensure that input is a valid JSON formatted string.",
        };
        bad_input(format!(
            "Invalid input.{advice} Error: '{message} at byte {offset} (line {line}, column {column})'"
        ))
    }

    /// Pays for cells that records leave out, so that a short body cannot ask for a huge table.
    pub(super) fn pay_fill(&self, cells: usize) -> Result<(), Fault> {
        match self.fill_budget.get().checked_sub(cells) {
            Some(left) => {
                self.fill_budget.set(left);
                Ok(())
            }
            None => Err(bad_input("the records leave out too many values for their size")),
        }
    }
}

/// A fault of the request's content.
pub(super) fn bad_input(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}
