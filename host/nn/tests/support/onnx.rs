//! Small ONNX models, spelled in protobuf by hand so that no converter is needed. Field numbers are of `onnx.proto`
//! (ONNX 1.20, IR version 10). Only fields of wire types 0 (varint) and 2 (bytes) occur.

/// `ModelProto`: one graph in the default operator set, version 21, and that of `ai.onnx.ml`, version 1.
pub(crate) fn model(graph: &[u8]) -> Vec<u8> {
    let operators = [bytes(1, b""), number(2, 21)].concat();
    let learned = [bytes(1, b"ai.onnx.ml"), number(2, 1)].concat();
    [number(1, 10), bytes(7, graph), bytes(8, &operators), bytes(8, &learned)].concat()
}

/// `GraphProto` out of fields made by `node`, `initializer`, `input` and `output`.
pub(crate) fn graph(fields: &[Vec<u8>]) -> Vec<u8> {
    [bytes(2, b"graph"), fields.concat()].concat()
}

/// A `NodeProto` of a graph.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str], body: Option<&[u8]>) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name.as_bytes())).collect();
    node.extend(outputs.iter().flat_map(|name| bytes(2, name.as_bytes())));
    node.extend(bytes(4, operator.as_bytes()));
    if let Some(body) = body {
        // `AttributeProto` with a graph: type 5.
        node.extend(bytes(5, &[bytes(1, b"body"), bytes(6, body), number(20, 5)].concat()));
    }
    bytes(1, &node)
}

/// A `TensorProto` of a graph, its elements as their bytes.
pub(crate) fn initializer(name: &str, element_type: u64, shape: &[u64], raw: &[u8]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|size| number(1, *size)).collect();
    bytes(5, &[shape, number(2, element_type), bytes(8, name.as_bytes()), bytes(9, raw)].concat())
}

/// An input of a graph; an axis of `None` is free.
pub(crate) fn input(name: &str, element_type: u64, shape: &[Option<u64>]) -> Vec<u8> {
    bytes(11, &value_info(name, element_type, shape))
}

/// An output of a graph.
pub(crate) fn output(name: &str, element_type: u64, shape: &[Option<u64>]) -> Vec<u8> {
    bytes(12, &value_info(name, element_type, shape))
}

/// `output` = `input`, of a free first axis and a second of 2.
pub(crate) fn identity(element_type: u64) -> Vec<u8> {
    let shape = [None, Some(2)];
    model(&graph(&[
        node("Identity", &["input"], &["output"], None),
        input("input", element_type, &shape),
        output("output", element_type, &shape),
    ]))
}

/// `maps` = `scores`, row by row as a map from these classes.
pub(crate) fn zip_map(classes: &[&str]) -> Vec<u8> {
    const FLOAT: u64 = 1;
    const STRING: u64 = 8;
    let labels: Vec<u8> = classes.iter().flat_map(|class| bytes(9, class.as_bytes())).collect();
    // `AttributeProto` with strings: type 8.
    let attribute = [bytes(1, b"classlabels_strings"), labels, number(20, 8)].concat();
    let node = [
        bytes(1, b"scores"),
        bytes(2, b"maps"),
        bytes(4, b"ZipMap"),
        bytes(5, &attribute),
        bytes(7, b"ai.onnx.ml"),
    ];
    let float = bytes(1, &number(1, FLOAT));
    let map = bytes(5, &[number(1, STRING), bytes(2, &float)].concat());
    let sequence = bytes(4, &bytes(1, &map));
    model(&graph(&[
        bytes(1, &node.concat()),
        input("scores", FLOAT, &[None, Some(classes.len() as u64)]),
        bytes(12, &[bytes(1, b"maps"), bytes(2, &sequence)].concat()),
    ]))
}

/// `count` = `trips`, by counting: takes as long as it is told to.
pub(crate) fn counter() -> Vec<u8> {
    const INT64: u64 = 7;
    const BOOL: u64 = 9;
    let body = graph(&[
        node("Identity", &["on"], &["still_on"], None),
        node("Add", &["sum", "one"], &["next_sum"], None),
        initializer("one", INT64, &[], &1i64.to_le_bytes()),
        input("trip", INT64, &[]),
        input("on", BOOL, &[]),
        input("sum", INT64, &[]),
        output("still_on", BOOL, &[]),
        output("next_sum", INT64, &[]),
    ]);
    model(&graph(&[
        node("Loop", &["trips", "", "zero"], &["count"], Some(&body)),
        initializer("zero", INT64, &[], &0i64.to_le_bytes()),
        input("trips", INT64, &[]),
        output("count", INT64, &[]),
    ]))
}

fn value_info(name: &str, element_type: u64, shape: &[Option<u64>]) -> Vec<u8> {
    let axis = |size: &Option<u64>| bytes(1, &size.map_or_else(|| bytes(2, b"n"), |size| number(1, size)));
    let shape: Vec<u8> = shape.iter().flat_map(axis).collect();
    let tensor = [number(1, element_type), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
