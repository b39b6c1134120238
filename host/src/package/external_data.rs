//! The files beside an ONNX graph that it keeps weights in (ONNX's "external data").
//!
//! Called by `package.rs`, which copies them along. Reads as much protobuf as that takes, by the numbers in `onnx.proto`;
//! what is no protobuf names no file, and ONNX Runtime says what is wrong with it. Never recurses deeper than
//! [`MAX_DEPTH`].

use std::collections::BTreeSet;

/// Graphs nest in their nodes' attributes.
const MAX_DEPTH: usize = 64;

/// A message of `onnx.proto`, as far as tensors are found through it.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
}

/// The paths that the graph names, relative to its own folder.
pub(super) fn locations(model: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(Message::Model, model, &mut found, 0);
    found
}

fn visit(message: Message, bytes: &[u8], found: &mut BTreeSet<String>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for (number, content) in Fields(bytes) {
        let inner = match (message, number) {
            (Message::Model, 7) | (Message::Attribute, 6 | 11) => Message::Graph,
            (Message::Model, 25) => Message::Function,
            (Message::Graph, 1) | (Message::Function, 7) => Message::Node,
            (Message::Node, 5) => Message::Attribute,
            (Message::Graph, 5) | (Message::Attribute, 5 | 10) | (Message::SparseTensor, 1 | 2) => {
                Message::Tensor
            }
            (Message::Graph, 15) | (Message::Attribute, 22 | 23) => Message::SparseTensor,
            (Message::Tensor, 13) => {
                found.extend(location(content));
                continue;
            }
            _ => continue,
        };
        visit(inner, content, found, depth + 1);
    }
}

/// The value of a `StringStringEntryProto` whose key is `location`.
fn location(entry: &[u8]) -> Option<String> {
    let field = |wanted| Fields(entry).find(|(number, _)| *number == wanted).map(|(_, content)| content);
    (field(1)? == b"location").then(|| String::from_utf8_lossy(field(2).unwrap_or_default()).into_owned())
}

/// The fields of a message that have a length: their numbers and contents. Ends at what is no protobuf.
struct Fields<'a>(&'a [u8]);

// === impl Fields ===

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let key = self.varint()?;
            let skip = match key & 7 {
                0 => {
                    self.varint()?;
                    0
                }
                1 => 8,
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    let (content, rest) = self.0.split_at_checked(length)?;
                    self.0 = rest;
                    return Some((key >> 3, content));
                }
                5 => 4,
                _ => return None,
            };
            self.0 = self.0.get(skip..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn weights_in_other_files_are_found_wherever_a_tensor_can_be() {
        let tensor = |path: &str| field(13, &[field(1, b"location"), field(2, path.as_bytes())].concat());
        let offset = field(13, &[field(1, b"offset"), field(2, b"0")].concat());
        let inner = field(5, &[offset, tensor("b.bin")].concat());
        let attribute = field(5, &[field(5, &tensor("a.bin")), field(6, &inner)].concat());
        let graph = [vec![8, 1], field(1, &attribute), field(5, &tensor("c.bin"))].concat();
        let model = [vec![8, 9], field(7, &graph)].concat();
        assert_eq!(locations(&model).into_iter().collect::<Vec<_>>(), ["a.bin", "b.bin", "c.bin"]);
        for end in 0..model.len() {
            locations(&model[..end]);
        }
        assert!(locations(b"no protobuf at all").is_empty());
    }
}
