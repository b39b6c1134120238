//! The graphs of one bundle, by name: what a guest can reach and the native pass-through runs. Loads nothing.

use std::sync::Arc;

use crate::{Graph, NnError};

/// The name that a bundle's only graph answers to besides its own.
const SOLE_NAME: &str = "model";

/// The graphs of one bundle. Cheap to clone.
#[derive(Clone, Default)]
pub struct Graphs {
    graphs: Arc<[Graph]>,
}

// === impl Graphs ===

impl Graphs {
    /// Graphs with names that differ; of two with the same name the first is found.
    #[must_use]
    pub fn new(graphs: Vec<Graph>) -> Self {
        Self { graphs: graphs.into() }
    }

    /// The graph called `name`. A bundle's only graph also answers to `model`, so that a guest need not know what the
    /// file was called.
    ///
    /// # Errors
    ///
    /// [`NnError::GraphNotFound`], which lists the names there are.
    pub fn get(&self, name: &str) -> Result<&Graph, NnError> {
        let named = self.graphs.iter().find(|graph| graph.name() == name);
        let sole = || if name == SOLE_NAME { self.sole() } else { None };
        named.or_else(sole).ok_or_else(|| NnError::GraphNotFound {
            graph: name.to_owned(),
            names: self.names().map(str::to_owned).collect(),
        })
    }

    /// The names in the bundle's order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.graphs.iter().map(Graph::name)
    }

    /// All of them, in the bundle's order.
    pub fn all(&self) -> impl ExactSizeIterator<Item = &Graph> {
        self.graphs.iter()
    }

    /// The graph, when there is exactly one.
    #[must_use]
    pub fn sole(&self) -> Option<&Graph> {
        match &*self.graphs {
            [graph] => Some(graph),
            _ => None,
        }
    }
}
