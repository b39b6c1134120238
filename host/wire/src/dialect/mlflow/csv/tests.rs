//! What `pandas.read_csv` and MLflow's schema made of the same texts, by experiment with pandas 3.1 and MLflow 3.17.

use super::*;
use crate::values::{Column, ColumnData};

fn signature(inputs: &str) -> Signature {
    Signature::from_mlmodel(Some(inputs), None, None).unwrap()
}

fn table(body: &str, signature: &Signature) -> Result<Table, Fault> {
    match decode(body.as_bytes(), signature, true)? {
        Input::Table(table) => {
            table.check().unwrap();
            Ok(table)
        }
        other => panic!("{other:?}"),
    }
}

/// A column in few words: its name, its type, its cells.
fn shown(column: &Column) -> String {
    let rows = column.data.len();
    let cell = |row: usize| match &column.data {
        _ if !column.is_valid(row) => "None".to_owned(),
        ColumnData::S64(values) => values[row].to_string(),
        ColumnData::S32(values) => values[row].to_string(),
        ColumnData::F64(values) => format!("{:?}", values[row]),
        ColumnData::F32(values) => format!("{:?}", values[row]),
        ColumnData::Boolean(values) => (values[row] == 1).to_string(),
        ColumnData::Text(values) => format!("{:?}", std::str::from_utf8(values.get(row).unwrap()).unwrap()),
        ColumnData::Binary(values) => format!("{:?}", values.get(row).unwrap()),
        other => panic!("{other:?}"),
    };
    let cells: Vec<String> = (0..rows).map(cell).collect();
    format!("{}=[{}]", column.name, cells.join(","))
}

fn inferred(body: &str) -> String {
    let columns = table(body, &Signature::default()).unwrap().columns;
    columns.iter().map(shown).collect::<Vec<_>>().join(" ")
}

#[test]
fn types_are_inferred_as_pandas_does() {
    for (body, expected) in [
        ("a,b\n1,2\n", "a=[1] b=[2]"),
        ("a\n1\n1.5", "a=[1.0,1.5]"),
        ("a\nNA\n1\n", "a=[NaN,1.0]"),
        ("a\nnull\nNone\n", "a=[NaN,NaN]"),
        ("a\nTrue\nfalse\ntRUE\n", "a=[true,false,true]"),
        ("a\nTrue\nNA\n", "a=[true,None]"),
        ("a\nTrue\n1\n", r#"a=["True","1"]"#),
        ("a\n1\nx\nNA\n", r#"a=["1","x",None]"#),
        ("a\n+1\n 2\n3 \n", "a=[1,2,3]"),
        ("a\n1e5\ninf\n-Infinity\n1.\n.5\n", "a=[100000.0,inf,-inf,1.0,0.5]"),
        ("a\n1e\n", r#"a=["1e"]"#),
        ("a\n.\n", r#"a=["."]"#),
        ("a\n1_000\n", r#"a=["1_000"]"#),
        ("a\nNAN\n", r#"a=["NAN"]"#),
        ("a\n2021-01-01\n", r#"a=["2021-01-01"]"#),
        ("a\n9223372036854775807\n", "a=[9223372036854775807]"),
        ("a\n9223372036854775808\n", "a=[9.223372036854776e18]"),
        ("a\n1\u{0}2\n", r#"a=["1\0002"]"#),
    ] {
        let expected = expected.replace("\\0002", "\\02");
        assert_eq!(inferred(body), expected, "{body:?}");
    }
    let all = cells::MISSING.join("\"\n\"");
    let found = table(&format!("a\n\"{all}\"\n"), &Signature::default()).unwrap();
    let ColumnData::F64(values) = &found.columns[0].data else { panic!("{found:?}") };
    assert!(values.len() == 19 && values.iter().all(|value| value.is_nan()));
    assert_eq!(inferred("a\nna\nNone \n NA\n"), r#"a=["na","None "," NA"]"#);
}

#[test]
fn records_are_told_apart_as_pandas_does() {
    for (body, expected) in [
        ("\u{feff}a,b\n1,2\n", "a=[1] b=[2]"),
        ("a,b\r\n1,2\r\n", "a=[1] b=[2]"),
        ("a,b\r1,2\r", "a=[1] b=[2]"),
        ("\n \na\n\n1\n \t\n2\n\n", "a=[1,2]"),
        ("a\n1\n\"\"\n\" \"\n", r#"a=["1",None," "]"#),
        (" a , b \n 1 , x \n", r#" a =[1]  b =[" x "]"#),
        ("a,b\n\"x,1\",2\n", r#"a=["x,1"] b=[2]"#),
        ("a,b\n\"x\ny\",2\n", r#"a=["x\ny"] b=[2]"#),
        ("a,b\n\"x\"\"y\",2\n", r#"a=["x\"y"] b=[2]"#),
        ("a,b\nx\"y\"z,2\n", r#"a=["x\"y\"z"] b=[2]"#),
        ("a,b\n\"x\"y,2\n", r#"a=["xy"] b=[2]"#),
        ("a,b", "a=[] b=[]"),
        ("a,a,a\n1,2,3\n", "a=[1] a.1=[2] a.2=[3]"),
        (",b\n1,2\n", "Unnamed: 0=[1] b=[2]"),
        ("a,b\n1\n3,4\n", "a=[1,3] b=[NaN,4.0]"),
        ("a,b\n1,2,3\n4,5\n", "a=[2,5] b=[3.0,NaN]"),
        ("a\n1,\n", "a=[NaN]"),
        ("a\n.\n", r#"a=["."]"#),
        ("a\n.", r#"a=["."]"#),
    ] {
        assert_eq!(inferred(body), expected, "{body:?}");
    }
}

#[test]
fn what_is_no_csv_is_refused_with_its_line() {
    for (body, expected) in [
        ("", "No columns to parse from file"),
        ("\n \r\n", "No columns to parse from file"),
        ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,b\r\n\r\n1,2,3\r\n4,5,6,7\r\n", "Expected 3 fields in line 4, saw 4"),
        ("a,b\n\"xy,2\n", "EOF inside string"),
        ("a,b\n1,\"", "EOF inside string"),
    ] {
        let fault = decode(body.as_bytes(), &Signature::default(), true).unwrap_err();
        assert!(fault.public.starts_with("Failed to parse input as a Pandas DataFrame."), "{}", fault.public);
        assert!(fault.public.contains(expected), "{body:?}: {}", fault.public);
    }
    let fault = decode(b"a\n\xff", &Signature::default(), true).unwrap_err();
    assert!(fault.public.contains("valid UTF-8 encoded string"), "{}", fault.public);
}

#[test]
fn columns_of_a_signature_are_cast_or_refused() {
    for (column_type, cell, expected) in [
        ("long", " 1 ", "a=[1]"),
        ("long", "1.0", "a=[1]"),
        ("long", "1e3", "a=[1000]"),
        ("long", "True", "a=[1]"),
        ("long", "9007199254740993", "a=[9007199254740993]"),
        ("long", "1.5", "cannot safely convert 1.5 to int64 (column `a`, row 0, line 2)"),
        ("long", "x", "invalid literal for int() with base 10: 'x'"),
        ("long", "NA", "Integer column has NA values"),
        ("long", "9223372036854775808", "cannot safely convert"),
        ("long", "inf", "cannot safely convert"),
        ("integer", "-2147483648", "a=[-2147483648]"),
        ("integer", "2147483648", "cannot safely convert 2147483648 to int32"),
        ("double", "1.5", "a=[1.5]"),
        ("double", "NA", "a=[NaN]"),
        ("double", "True", "a=[1.0]"),
        ("double", "x", "could not convert string to float: 'x'"),
        ("float", "1e39", "a=[inf]"),
        ("boolean", "fALSE", "a=[false]"),
        ("boolean", "1.0", "a=[true]"),
        ("boolean", "2", "neither true nor false"),
        ("boolean", "0.5", "neither true nor false"),
        ("boolean", "NA", "Bool column has NA values"),
        ("boolean", "T", "neither true nor false"),
        ("string", " x ", r#"a=[" x "]"#),
        ("string", "1", r#"a=["1"]"#),
        ("string", "NULL", "a=[None]"),
        ("binary", "AQI=", "a=[[65, 81, 73, 61]]"),
        ("binary", "NA", "a=[None]"),
        ("datetime", "2021-01-01", "the dtype datetime64[ns] is not supported for parsing"),
        ("any", "1", "some of the inputs types are not DataType"),
    ] {
        let signature = signature(&format!(r#"[{{"name":"a","type":"{column_type}","required":true}}]"#));
        match table(&format!("z,a\nq,{cell}\n"), &signature) {
            Ok(found) => assert_eq!(shown(&found.columns[0]), expected, "{column_type} {cell}"),
            Err(fault) => assert!(fault.public.contains(expected), "{column_type} {cell}: {}", fault.public),
        }
    }
    let mixed = signature(r#"[{"name":"a","type":"boolean"}]"#);
    let fault = table("a\nTrue\n1\n", &mixed).unwrap_err();
    assert!(fault.public.contains("column `a` mixes"), "{}", fault.public);
}

#[test]
fn columns_are_found_by_name_or_else_by_position() {
    let named = signature(r#"[{"name":"b","type":"long"},{"name":"a","type":"double"}]"#);
    let found = table("x,a,b\n9,1,2\n", &named).unwrap();
    assert_eq!(found.columns.iter().map(shown).collect::<Vec<_>>(), ["b=[2]", "a=[1.0]"]);
    let missing = table("a,c\n1,2\n", &named).unwrap_err();
    assert_eq!(missing.public, "Model is missing inputs ['b']. Note that there were extra inputs: ['c'].");
    let unnamed = signature(r#"[{"type":"long"},{"type":"double"}]"#);
    let found = table("p,q,r\n1,2,3\n", &unnamed).unwrap();
    assert_eq!(found.columns.iter().map(shown).collect::<Vec<_>>(), ["0=[1]", "1=[2.0]"]);
    assert!(table("p\n1\n", &unnamed).unwrap_err().public.starts_with("Model inference is missing inputs."));
    let optional =
        signature(r#"[{"name":"a","type":"datetime","required":false},{"name":"b","type":"long"}]"#);
    assert_eq!(table("b\n1\n", &optional).unwrap().columns.len(), 1);
    // Without rows there is nothing to parse.
    assert_eq!(table("a,b\n", &optional).unwrap().columns.len(), 2);
}

#[test]
fn short_records_cannot_make_a_huge_table() {
    let body = format!("{}\n{}", ",".repeat(20_000), "x\n".repeat(20_000));
    let fault = decode(body.as_bytes(), &Signature::default(), true).unwrap_err();
    assert!(fault.public.contains("leave out too many values"), "{}", fault.public);
}
