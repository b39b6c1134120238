//! What is inconsistent in a value from outside is found, and nothing is computed from it.

use super::*;

fn text(values: &[&str]) -> ColumnData {
    ColumnData::Text(values.iter().collect())
}

fn table(data: ColumnData, rows: usize) -> Table {
    Table { columns: vec![Column { name: "a".into(), data, validity: None }], rows }
}

#[test]
fn a_packed_list_gives_back_what_was_pushed() {
    let packed: Packed = ["", "ä", "xyz"].iter().collect();
    assert_eq!(packed.len(), 3);
    assert_eq!(packed.iter().collect::<Vec<_>>(), ["".as_bytes(), "ä".as_bytes(), b"xyz"]);
    assert_eq!(packed.get(3), None);
}

#[test]
fn a_column_shorter_than_the_table_is_found() {
    assert_eq!(table(text(&["x", "y"]), 2).check(), Ok(()));
    assert!(matches!(table(text(&["x"]), 2).check(), Err(Inconsistent::Rows { found: 1, expected: 2, .. })));
}

#[test]
fn offsets_out_of_order_or_out_of_range_are_found() {
    for offsets in [vec![], vec![0, 2, 1], vec![1, 2], vec![0, 9], vec![0, 1]] {
        let packed = Packed { offsets: offsets.clone(), data: b"ab".to_vec() };
        let rows = packed.len();
        let found = table(ColumnData::Binary(packed), rows).check();
        assert!(matches!(found, Err(Inconsistent::Offsets { .. })), "{offsets:?}: {found:?}");
    }
}

#[test]
fn a_code_point_cut_by_an_offset_is_found() {
    let packed = Packed { offsets: vec![0, 1, 2], data: "ä".as_bytes().to_vec() };
    assert_eq!(
        table(ColumnData::Text(packed), 2).check(),
        Err(Inconsistent::Utf8 { name: "a".into(), index: 0 })
    );
}

#[test]
fn a_tensor_whose_shape_overflows_is_found_and_not_computed() {
    let tensor = Tensor { shape: vec![u32::MAX; 4], elements: Elements::F32(vec![0.0]) };
    assert!(matches!(tensor.check("x"), Err(Inconsistent::Elements { found: 1, .. })));
    let empty = Tensor { shape: vec![u32::MAX, u32::MAX, u32::MAX, 0], elements: Elements::F32(vec![]) };
    assert_eq!(empty.check("x"), Ok(()));
}
