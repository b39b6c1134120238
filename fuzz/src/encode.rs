//! Answers: whatever a guest hands over, its answer is written as JSON of bounded length or is the guest's fault.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use mlhost_wire::dialect::mlflow::{Compat, Envelope, Mlflow};
use mlhost_wire::dialect::v2::rest::Envelope as RestEnvelope;
use mlhost_wire::dialect::{Dialect as _, Interface};
use mlhost_wire::fault::FaultKind;
use mlhost_wire::values::{
    Blob, Column, ColumnData, Elements, NamedTensor, Output, Packed, Reply, Table, Tensor,
};

/// Inputs are a few KiB. A guest that gets more out of them than this makes the host write what it never handed over.
const LARGEST_ANSWER: usize = 64 << 20;

pub(crate) fn encode(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok(envelope) = envelope(&mut bytes) else { return };
    let Ok(output) = output(&mut bytes) else { return };
    super::v2::answered(
        output.clone(),
        RestEnvelope { binary: matches!(envelope, Envelope::Bare), ..RestEnvelope::default() },
        &Interface::default(),
    );
    let json = !matches!(output, Output::Blob(_));
    for compat in Compat::ALL {
        match (Mlflow { compat }).encode(Reply { output: output.clone() }, envelope) {
            Ok(answer) => {
                assert!(answer.body.len() < LARGEST_ANSWER, "{} bytes", answer.body.len());
                if json && compat == Compat::default() {
                    super::mlflow::is_json(&answer.body);
                }
            }
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::GuestTrapped, "{fault:?}");
                assert!(!fault.public.is_empty());
            }
        }
    }
}

fn envelope(bytes: &mut Unstructured<'_>) -> Result<Envelope> {
    Ok(if bool::arbitrary(bytes)? { Envelope::Predictions } else { Envelope::Bare })
}

fn output(bytes: &mut Unstructured<'_>) -> Result<Output> {
    Ok(match bytes.int_in_range(0..=7)? {
        0 => Output::Json(String::arbitrary(bytes)?),
        1 => Output::Blob(Blob { content_type: String::arbitrary(bytes)?, data: Vec::arbitrary(bytes)? }),
        2..5 => Output::Tensors(several(bytes, tensor)?),
        _ => Output::Table(table(bytes)?),
    })
}

/// Up to four.
fn several<T>(
    bytes: &mut Unstructured<'_>,
    one: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..bytes.int_in_range(0..=4)?).map(|_| one(bytes)).collect()
}

/// Often one that holds together, and often not.
fn table(bytes: &mut Unstructured<'_>) -> Result<Table> {
    let rows = bytes.int_in_range(0..=5)?;
    let columns = several(bytes, |bytes| column(bytes, rows))?;
    Ok(Table { columns, rows })
}

fn column(bytes: &mut Unstructured<'_>, rows: usize) -> Result<Column> {
    let name = String::arbitrary(bytes)?;
    let data = match bytes.int_in_range(0..=8)? {
        0 => ColumnData::F64(values(bytes, rows)?),
        1 => ColumnData::F32(values(bytes, rows)?),
        2 => ColumnData::S64(values(bytes, rows)?),
        3 => ColumnData::S32(values(bytes, rows)?),
        4 => ColumnData::Boolean(values(bytes, rows)?),
        5 => ColumnData::Text(packed(bytes, rows)?),
        6 => ColumnData::Binary(packed(bytes, rows)?),
        7 => ColumnData::Datetime(values(bytes, rows)?),
        _ => ColumnData::Json(packed(bytes, rows)?),
    };
    let validity = if bool::arbitrary(bytes)? { Some(values(bytes, rows)?) } else { None };
    Ok(Column { name, data, validity })
}

/// `rows` values, or another number of them.
fn values<'a, T: arbitrary::Arbitrary<'a>>(bytes: &mut Unstructured<'a>, rows: usize) -> Result<Vec<T>> {
    let rows = if u8::arbitrary(bytes)? == 0 { bytes.int_in_range(0..=8)? } else { rows };
    (0..rows).map(|_| T::arbitrary(bytes)).collect()
}

/// Values of their own lengths, or offsets that mean nothing.
fn packed(bytes: &mut Unstructured<'_>, rows: usize) -> Result<Packed> {
    if u8::arbitrary(bytes)? == 0 {
        return Ok(Packed { offsets: values(bytes, rows)?, data: Vec::arbitrary(bytes)? });
    }
    (0..rows).map(|_| Vec::<u8>::arbitrary(bytes)).collect()
}

fn tensor(bytes: &mut Unstructured<'_>) -> Result<NamedTensor> {
    let name = String::arbitrary(bytes)?;
    let shape: Vec<u32> = (0..bytes.int_in_range(0..=6)?)
        .map(|_| if u8::arbitrary(bytes)? == 0 { u32::arbitrary(bytes) } else { bytes.int_in_range(0..=3) })
        .collect::<Result<_>>()?;
    let product = shape.iter().map(|axis| u64::from(*axis)).fold(1, u64::saturating_mul);
    let count = usize::try_from(product).unwrap_or(usize::MAX).min(1 << 10);
    let elements = match bytes.int_in_range(0..=13)? {
        0 => Elements::Boolean(values(bytes, count)?),
        1 => Elements::Bf16(values(bytes, count)?),
        2 => Elements::F16(values(bytes, count)?),
        3 => Elements::F32(values(bytes, count)?),
        4 => Elements::F64(values(bytes, count)?),
        5 => Elements::S8(values(bytes, count)?),
        6 => Elements::S16(values(bytes, count)?),
        7 => Elements::S32(values(bytes, count)?),
        8 => Elements::S64(values(bytes, count)?),
        9 => Elements::U8(values(bytes, count)?),
        10 => Elements::U16(values(bytes, count)?),
        11 => Elements::U32(values(bytes, count)?),
        12 => Elements::U64(values(bytes, count)?),
        _ => Elements::Text(packed(bytes, count)?),
    };
    Ok(NamedTensor { name, tensor: Tensor { shape, elements } })
}
