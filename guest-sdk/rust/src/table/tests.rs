//! Every accessor of a table, with what it gives, what it rejects and how missing values read.

use super::*;

fn every_type() -> Table {
    Table::builder()
        .f64("double", [1.5, 2.5])
        .f32("float", vec![1.5f32, 2.5])
        .s64("long", [1i64, 2])
        .s32("integer", [3, 4])
        .boolean("boolean", [true, false])
        .text("string", ["a", "ä"])
        .binary("binary", [vec![0xff], vec![]])
        .datetime("datetime", [0, 1_000_000_000])
        .json("JSON", ["[1]", r#"{"x":2}"#])
        .build()
        .unwrap()
}

#[test]
fn each_accessor_reads_its_own_type() {
    let table = every_type();
    assert_eq!(table.rows(), 2);
    assert_eq!(table.f64("double").unwrap(), [1.5, 2.5]);
    assert_eq!(table.f32("float").unwrap(), [1.5, 2.5]);
    assert_eq!(table.s64("long").unwrap(), [1, 2]);
    assert_eq!(table.s32("integer").unwrap(), [3, 4]);
    assert_eq!(table.boolean("boolean").unwrap().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(table.text("string").unwrap().iter().collect::<Vec<_>>(), [Some("a"), Some("ä")]);
    assert_eq!(table.binary("binary").unwrap().iter().collect::<Vec<_>>(), [Some(&[0xff][..]), Some(&[])]);
    assert_eq!(table.datetime("datetime").unwrap(), [0, 1_000_000_000]);
    assert_eq!(table.json("JSON").unwrap().get(1), Some(r#"{"x":2}"#));
    assert!(table.columns().iter().all(|column| column.validity.is_none()));
}

#[test]
fn a_column_of_another_type_is_rejected_with_both_types_named() {
    type Accessor = fn(&Table, &str) -> Option<Error>;
    let accessors: [(&str, Accessor); 9] = [
        ("double", |table, name| table.f64(name).err()),
        ("float", |table, name| table.f32(name).err()),
        ("long", |table, name| table.s64(name).err()),
        ("integer", |table, name| table.s32(name).err()),
        ("boolean", |table, name| table.boolean(name).err()),
        ("string", |table, name| table.text(name).err()),
        ("binary", |table, name| table.binary(name).err()),
        ("datetime", |table, name| table.datetime(name).err()),
        ("JSON", |table, name| table.json(name).err()),
    ];
    let table = every_type();
    for (wanted, accessor) in accessors {
        for column in table.columns() {
            let found = column.type_name();
            let expected = (found != wanted)
                .then(|| Error::rejected(format!("column `{}` must be {wanted}, not {found}", column.name)));
            assert_eq!(accessor(&table, &column.name), expected);
        }
        assert!(accessor(&table, "nowhere").is_some_and(|error| error.is_rejected()));
    }
}

#[test]
fn a_missing_column_is_rejected_with_the_columns_there_are() {
    let table = Table::builder().f64("a", [1.0]).f64("b", [1.0]).build().unwrap();
    assert_eq!(table.column("c"), Err(Error::rejected("column `c` is missing, the input has `a`, `b`")));
    assert_eq!(
        Table::default().column("c"),
        Err(Error::rejected("column `c` is missing, the input has no columns"))
    );
    assert!(table.get("c").is_none());
}

#[test]
fn numbers_reads_every_numeric_type_and_nothing_else() {
    let table = every_type();
    assert!(matches!(table.numbers("double"), Ok(Cow::Borrowed([1.5, 2.5]))));
    for (name, expected) in
        [("float", [1.5, 2.5]), ("long", [1.0, 2.0]), ("integer", [3.0, 4.0]), ("boolean", [1.0, 0.0])]
    {
        assert_eq!(table.numbers(name).unwrap(), &expected[..]);
    }
    for name in ["string", "binary", "datetime", "JSON"] {
        let message = format!("column `{name}` must be a number, not {name}");
        assert_eq!(table.numbers(name), Err(Error::rejected(message)));
    }
}

#[test]
fn missing_values_read_as_nan_none_or_absent() {
    let table = Table::builder()
        .f64("double", [None, Some(1.0)])
        .f32("float", [None, Some(1.0)])
        .s64("long", [None, Some(7)])
        .s32("integer", [None, Some(7)])
        .boolean("boolean", [None, Some(true)])
        .text("string", [None, Some("")])
        .binary("binary", [None, Some(vec![])])
        .datetime("datetime", [None, Some(7)])
        .json("JSON", [None, Some("null")])
        .build()
        .unwrap();
    assert!(table.columns().iter().all(|column| column.validity.as_deref() == Some(&[0, 1])));
    assert!(table.columns().iter().all(|column| !column.is_present(0) && column.is_present(1)));
    assert!(table.columns().iter().all(|column| !column.is_present(2)));
    assert!(table.f64("double").unwrap()[0].is_nan() && table.f32("float").unwrap()[0].is_nan());
    assert_eq!((table.s64("long").unwrap()[0], table.s32("integer").unwrap()[0]), (0, 0));
    for name in ["double", "float", "long", "integer", "boolean"] {
        assert!(table.numbers(name).unwrap()[0].is_nan(), "{name}");
        assert!(!table.numbers(name).unwrap()[1].is_nan(), "{name}");
    }
    assert_eq!(table.boolean("boolean").unwrap().iter().collect::<Vec<_>>(), [None, Some(true)]);
    assert_eq!(table.text("string").unwrap().iter().collect::<Vec<_>>(), [None, Some("")]);
    assert_eq!(table.binary("binary").unwrap().iter().collect::<Vec<_>>(), [None, Some(&[][..])]);
    assert_eq!(table.json("JSON").unwrap().get(0), None);
    assert_eq!(table.text("string").unwrap().get(2), None);
}

#[test]
fn validity_starts_at_the_first_missing_value_and_covers_what_came_before() {
    let table = Table::builder().f64("a", [Some(1.0), None, Some(2.0)]).build().unwrap();
    assert_eq!(table.columns()[0].validity.as_deref(), Some(&[1, 0, 1][..]));
}

#[test]
fn columns_or_validities_of_unequal_length_do_not_build() {
    let uneven = Table::builder().f64("a", [1.0]).f64("b", [1.0, 2.0]).build();
    assert_eq!(uneven, Err(Error::failed("column `b` has 2 values, the table 1 rows")));
    let mut columns = every_type().into_columns();
    columns[1].validity = Some(vec![1]);
    let message = "the validity of column `float` has 1 entries, the table 2 rows";
    assert_eq!(Table::from_columns(columns), Err(Error::failed(message)));
}

#[test]
fn text_columns_are_built_from_every_kind_of_string() {
    let owned = vec!["a".to_owned(), "b".to_owned()];
    let tables = [
        Table::builder().text("x", &owned),
        Table::builder().text("x", owned.clone()),
        Table::builder().text("x", owned.iter().map(String::as_str)),
        Table::builder().text("x", owned.iter().map(Some)),
    ];
    for builder in tables {
        let table = builder.build().unwrap();
        assert_eq!(table.text("x").unwrap().iter().flatten().collect::<Vec<_>>(), ["a", "b"]);
    }
}
