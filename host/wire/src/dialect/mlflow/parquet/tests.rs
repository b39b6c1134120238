//! Files that pandas 3.1 and pyarrow wrote, `tests/parquet/make.py`, and what pandas and MLflow 3.17 made of them.

use super::*;
use crate::values::Table;
use crate::values::{Elements, NamedTensor, Tensor};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/parquet/", $name, ".parquet")).as_slice()
    };
}

fn signature(inputs: &str) -> Signature {
    Signature::from_mlmodel(Some(inputs), None, None).unwrap()
}

fn columns(types: &[(&str, &str)]) -> Signature {
    let columns =
        types.iter().map(|(name, kind)| serde_json::json!({"name": name, "type": kind, "required": true}));
    signature(&columns.collect::<serde_json::Value>().to_string())
}

fn table(body: &[u8], signature: &Signature) -> Result<Table, Fault> {
    match decode(body, signature)? {
        Input::Table(table) => {
            table.check().unwrap();
            Ok(table)
        }
        other => panic!("{other:?}"),
    }
}

/// A column in few words: its name, the letter of its type, its cells.
fn shown(column: &Column) -> String {
    let (letter, rows) = match &column.data {
        ColumnData::F64(_) => ("d", 0),
        ColumnData::F32(_) => ("f", 0),
        ColumnData::S64(_) => ("l", 0),
        ColumnData::S32(_) => ("i", 0),
        ColumnData::Boolean(_) => ("?", 0),
        ColumnData::Text(_) => ("s", 0),
        ColumnData::Binary(_) => ("b", 0),
        ColumnData::Datetime(_) => ("t", 0),
        ColumnData::Json(_) => ("j", 0),
    };
    let rows = rows + column.data.len();
    let cell = |row: usize| {
        let mut out = Vec::new();
        if column.is_valid(row) {
            crate::dialect::mlflow::enforce::push_scalar(&mut out, &column.data, row);
        } else {
            out.extend_from_slice(b"-");
        }
        String::from_utf8(out).unwrap()
    };
    let cells: Vec<String> = (0..rows).map(cell).collect();
    format!("{}:{letter}={}", column.name, cells.join(" "))
}

fn all(body: &[u8]) -> Vec<String> {
    table(body, &Signature::default()).unwrap().columns.iter().map(shown).collect()
}

#[test]
fn types_are_those_of_the_file_whatever_its_codec_and_encoding() {
    let expected = [
        "boolean:?=true false true",
        "integer:i=1 -2 3",
        "long:l=1 -4611686018427387904 3",
        "float:f=1.5 -2.5 null",
        "double:d=1.5 null null",
        r#"string:s="a" - "\u00e9""#,
        r#"binary:b="AQI=\n" - """#,
        r#"datetime:t="2021-01-01T00:00:00" - "2021-02-02T12:34:56.789000""#,
    ];
    for body in [
        file!("types"),
        file!("types_none"),
        file!("types_gzip"),
        file!("types_lz4"),
        file!("types_zstd"),
        file!("types_plain"),
        file!("types_v2"),
    ] {
        assert_eq!(all(body), expected);
    }
    let ColumnData::F64(doubles) = &table(file!("types"), &Signature::default()).unwrap().columns[4].data
    else {
        panic!("doubles")
    };
    assert!(doubles[1] == f64::INFINITY && doubles[2].is_nan());
}

#[test]
fn rarer_types_become_the_nearest_column() {
    let expected = [
        "int8:i=1 -2",
        "int16:i=1 -2",
        "uint8:i=1 255",
        "uint16:i=1 65535",
        "uint32:l=1 4294967295",
        "uint64:d=1.0 9.223372036854776e+18",
        "float16:f=1.5 -2.5",
        r#"nanoseconds:t="1970-01-01T00:00:00.000000001" "1970-01-01T00:00:00.000000002""#,
        r#"seconds:t="1970-01-01T00:00:01" "1970-01-01T00:00:02""#,
        r#"zoned:t="2020-12-31T22:00:00" "2020-12-31T22:00:00""#,
        r#"date:t="2021-01-01T00:00:00" "1969-12-31T00:00:00""#,
        r#"category:s="x" "y""#,
        "Int64:l=1 -",
        "Boolean:?=true -",
        "truths:?=true -",
        "nothing:d=- -",
    ];
    assert_eq!(all(file!("more")), expected);
}

#[test]
fn nested_columns_are_json() {
    let expected = [
        "list:j=[1, 2] [] -",
        "lists:j=[[1.5], []] [] -",
        r#"texts:j=["a", null] ["\u00e9"] []"#,
        r#"object:j={"x": 1, "y": "q"} {"x": 2, "y": null} -"#,
        r#"objects:j=[{"x": 1}, {"x": 2}] [] [{"x": null}]"#,
    ];
    assert_eq!(all(file!("nested")), expected);
    assert_eq!(all(file!("map")), [r#"map:j=[["k", 1]] [] -"#]);
    let list = r#"[{"name":"list","type":"array","items":{"type":"long"},"required":false}]"#;
    assert!(table(file!("nested"), &signature(list)).is_ok());
    let fault = table(file!("nested"), &signature(&list.replace("false", "true"))).unwrap_err();
    assert!(fault.public.contains("column list. Row 2: Expected data to be list"), "{}", fault.public);
}

#[test]
fn the_index_is_no_column() {
    assert_eq!(all(file!("index")), ["a:l=1 2"]);
    assert_eq!(all(file!("named_index")), ["a:l=1 2"]);
    assert_eq!(all(file!("empty")), ["a:d="]);
    assert_eq!(table(file!("groups"), &Signature::default()).unwrap().rows, 2500);
}

/// `_enforce_schema` of MLflow on what `read_parquet` gave.
#[test]
fn types_are_enforced_and_not_cast() {
    for (body, name, kind, expected) in [
        (file!("types"), "integer", "long", "integer:l=1 -2 3"),
        (file!("types"), "integer", "double", "integer:d=1.0 -2.0 3.0"),
        (file!("types"), "float", "double", "float:d=1.5 -2.5 null"),
        (file!("types"), "long", "integer", "Can not safely convert int64 to int32."),
        (file!("types"), "long", "double", "Can not safely convert int64 to float64."),
        (file!("types"), "double", "float", "Can not safely convert float64 to float32."),
        (file!("types"), "string", "long", "Can not safely convert str to int64."),
        (file!("types"), "long", "string", "Can not safely convert int64 to <U0."),
        (file!("types"), "string", "binary", r#"string:b="YQ==\n" - "w6k=\n""#),
        (file!("types"), "datetime", "string", "Can not safely convert datetime64[ns] to <U0."),
        (file!("types"), "boolean", "any", "boolean:j=true false true"),
        (file!("more"), "int8", "integer", "int8:i=1 -2"),
        (file!("more"), "uint32", "long", "uint32:l=1 4294967295"),
        (file!("more"), "uint32", "integer", "Can not safely convert uint32 to int32."),
        (file!("more"), "uint64", "double", "Can not safely convert uint64 to float64."),
        (file!("more"), "float16", "float", "float16:f=1.5 -2.5"),
        (file!("more"), "date", "datetime", r#"date:t="2021-01-01T00:00:00" "1969-12-31T00:00:00""#),
        (file!("more"), "zoned", "datetime", "timezone-naive datetime objects"),
        (file!("more"), "category", "string", "Can not safely convert category to <U0."),
        (file!("more"), "Int64", "long", "Can not safely convert Int64 to int64."),
        (file!("more"), "truths", "boolean", "truths:?=true -"),
        (file!("more"), "nothing", "string", "nothing:s=- -"),
        (file!("more"), "nothing", "long", "Can not safely convert object to int64."),
        (file!("more"), "missing", "long", "Model is missing inputs ['missing']."),
    ] {
        match table(body, &columns(&[(name, kind)])) {
            Ok(found) => assert_eq!(found.columns.iter().map(shown).collect::<Vec<_>>(), [expected]),
            Err(fault) => assert!(fault.public.contains(expected), "{name} {kind}: {}", fault.public),
        }
    }
    let two = columns(&[("long", "long"), ("boolean", "boolean")]);
    let found = table(file!("types"), &two).unwrap();
    assert_eq!(found.columns[0].name, "long");
}

#[test]
fn tensors_are_made_of_columns() {
    let tensor = |name: &str, dtype: &str, shape: &str| {
        signature(&format!(
            r#"[{{{name}"type":"tensor","tensor-spec":{{"dtype":"{dtype}","shape":{shape}}}}}]"#
        ))
    };
    let rows = decode(file!("numbered"), &tensor("", "float32", "[-1,4]")).unwrap();
    let elements = Elements::F32((0..8u8).map(f32::from).collect());
    let expected = NamedTensor { name: String::new(), tensor: Tensor { shape: vec![2, 4], elements } };
    assert_eq!(rows, Input::Tensors(vec![expected]));
    let list = decode(file!("index"), &tensor(r#""name":"a","#, "float64", "[-1,1]")).unwrap();
    let elements = Elements::F64(vec![1.0, 2.0]);
    let expected = NamedTensor { name: "a".into(), tensor: Tensor { shape: vec![2, 1], elements } };
    assert_eq!(list, Input::Tensors(vec![expected]));
    for (body, signature, expected) in [
        (file!("numbered"), tensor("", "float64", "[-1,4]"), "dtype of input float32 does not match"),
        (file!("numbered"), tensor("", "float32", "[-1,3]"), "Shape of input (2, 4) does not match"),
        (file!("empty"), tensor("", "float64", "[-1,1]"), "Input DataFrame is empty."),
        (file!("index"), tensor(r#""name":"a","#, "int64", "[-1,2]"), "which requires the shape to be (-1,)"),
    ] {
        let fault = decode(body, &signature).unwrap_err();
        assert!(fault.public.contains(expected), "{}", fault.public);
    }
}

#[test]
fn what_is_no_parquet_or_too_much_is_refused() {
    let wrong = b"PAR1\xff\xff\xff\xff\xff\xff\xff\x7fPAR1";
    for (body, expected) in [
        (&b""[..], "not Parquet"),
        (b"a,b\n1,2\n", "not Parquet"),
        (b"PAR1PAR1", "damaged"),
        (wrong, "damaged"),
        (file!("types_brotli"), "the codec BROTLI is not served; write the file with snappy"),
        // A text of 5000 bytes a hundred thousand times.
        (file!("bomb"), "column 'a': the file holds too much for its size"),
        // One page of 80 MiB in 80 KiB.
        (file!("page_bomb"), "column 'a': the file holds too much for its size"),
    ] {
        let fault = decode(body, &Signature::default()).unwrap_err();
        assert!(fault.public.starts_with("Failed to parse input as a Pandas DataFrame."), "{}", fault.public);
        assert!(fault.public.contains(expected), "{}", fault.public);
    }
}

/// A page whose header says less than gzip makes of it.
#[test]
fn a_page_that_holds_more_than_its_header_says_is_refused() {
    let mut body = file!("page_bomb").to_vec();
    // The first page begins behind the magic: its type, then its size as a varint of four bytes, 80 MiB and some; now 1 MiB.
    assert_eq!(body[4..7], [0x15, 0x00, 0x15]);
    body[7..11].copy_from_slice(&[0x80, 0x80, 0x80, 0x01]);
    let fault = decode(&body, &Signature::default()).unwrap_err();
    assert!(fault.public.contains("more than its header says"), "{}", fault.public);
}
