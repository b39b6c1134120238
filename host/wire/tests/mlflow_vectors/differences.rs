//! Where mlhost answers otherwise than MLflow, on purpose: each captured case with its reason and the modes it holds in.
//!
//! The one table of two tests, that of the dialect (`main.rs`) and that of the whole server (`tests/it/mlflow_replay.rs`),
//! and what `docs/mlflow-differences.md` is written from. A case that is listed and does not differ fails, as does one that
//! differs and is not listed. What the captures do not show and no mode repeats,
//! for what it would do to a client or a guest: `stack_trace` and the request's own data in error messages, which tell a
//! client of the host's insides; a file's path where the body has a text; bare `NaN` in the JSON texts of a guest, which are
//! checked to be JSON.

use mlhost_wire::dialect::mlflow::Compat;

/// Which cases differ for one reason.
pub(crate) struct Difference {
    /// Why mlhost does otherwise.
    pub(crate) reason: &'static str,
    /// Where it holds.
    pub(crate) modes: &'static [Compat],
    /// The cases: capture file and name.
    pub(crate) cases: &'static [(&'static str, &'static str)],
}

const BOTH: &[Compat] = &Compat::ALL;
const SANE: &[Compat] = &[Compat::Sane];

/// What is seen in the server's answers alone: routes without a model, and how answers are written.
#[allow(dead_code, reason = "the dialect's test sees no answers")]
pub(crate) const OVER_HTTP: &[Difference] = &[
    Difference {
        reason: "a NaN or an infinity is written as null, because the bare words NaN and Infinity are no JSON",
        modes: SANE,
        cases: &[("out", "ndnan")],
    },
    Difference {
        reason: "the errors of routes have the shape of all others; MLflow's have FastAPI's",
        modes: BOTH,
        cases: &[("nosig", "POST /ping"), ("nosig", "OPTIONS /invocations"), ("nosig", "GET /metrics")],
    },
    Difference { reason: "the version is mlhost's own", modes: BOTH, cases: &[("nosig", "GET /version")] },
    Difference {
        reason: "there are no pages of documentation to click through: MLflow's load scripts from other servers",
        modes: BOTH,
        cases: &[("nosig", "GET /docs")],
    },
];

/// What a request becomes.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "an integer out of range is refused; MLflow lets it wrap around into another number",
        modes: SANE,
        cases: &[
            ("cols_required", "odd_integer_6_2147483648"),
            ("cols_required", "odd_integer_7_-2147483649"),
            ("cols_required", "odd_integer_8_30000000000.0"),
            ("cols_required", "odd_long_6_9223372036854775808"),
            ("cols_required", "odd_long_7_1e+19"),
            ("experiments", "split int8 300"),
            ("experiments", "split int8 2147483648"),
            ("experiments", "split int8 1e39"),
            ("experiments", "split int16 2147483648"),
            ("experiments", "split int16 1e39"),
            ("experiments", "split int32 2147483648"),
            ("experiments", "split int32 1e39"),
            ("experiments", "split int64 1e39"),
            ("experiments", "split uint8 -1"),
            ("experiments", "split uint8 300"),
            ("experiments", "split uint8 2147483648"),
            ("experiments", "split uint8 1e39"),
            ("experiments", "split uint16 -1"),
            ("experiments", "split uint16 2147483648"),
            ("experiments", "split uint16 1e39"),
            ("experiments", "split uint32 -1"),
            ("experiments", "split uint32 1e39"),
            ("experiments", "split uint64 -1"),
            ("experiments", "split uint64 1e39"),
        ],
    },
    Difference {
        reason: "the text `false` is false, and what is neither is refused; to MLflow every text that is not empty is true",
        modes: SANE,
        cases: &[
            ("cols_required", "odd_boolean_4_\"false\""),
            ("cols_required", "oddinputs_boolean_4_\"false\""),
            ("experiments", "inputs bool \"1\""),
            ("experiments", "split bool \"1\""),
            ("experiments", "inputs bool \"x\""),
            ("experiments", "split bool \"x\""),
        ],
    },
    Difference {
        reason: "a list or an object in a column of single values is refused with its row; MLflow lets some through, \
                 as truth values or as they are, and refuses others with another error code",
        modes: BOTH,
        cases: &[
            ("cols_required", "odd_boolean_8_[1]"),
            ("cols_required", "oddinputs_boolean_8_[1]"),
            ("cols_required", "oddinputs_integer_9_[1]"),
            ("cols_required", "odd_string_3_[\"a\"]"),
            ("cols_required", "odd_string_4_{\"a\": 1}"),
            ("cols_required", "oddinputs_string_4_{\"a\": 1}"),
            ("long2_unnamed", "instances_X"),
        ],
    },
    Difference {
        reason: "a column of texts holds texts, spelled as Python spells the value; MLflow leaves other values in it",
        modes: BOTH,
        cases: &[("cols_required", "odd_string_1_1.5"), ("cols_required", "odd_string_2_true")],
    },
    Difference {
        reason: "what is not base64 is refused; MLflow drops the characters that it cannot read",
        modes: SANE,
        cases: &[("cols_required", "odd_binary_0_\"###\"")],
    },
    Difference {
        reason: "true is no moment; MLflow reads one nanosecond",
        modes: SANE,
        cases: &[("cols_required", "oddinputs_datetime_9_true")],
    },
    Difference {
        reason: "values of an object are checked and passed on as the JSON they came as; MLflow makes 1.0 of a 1",
        modes: BOTH,
        cases: &[("complex", "split_int_in_double")],
    },
    Difference {
        reason: "a guest finds a column without a name by its position, whatever the request calls it",
        modes: BOTH,
        cases: &[("long2_unnamed", "split_named"), ("long2_unnamed", "split_null")],
    },
    Difference {
        reason: "each column is cast to its own type; MLflow casts all of them to the first one's and then refuses",
        modes: SANE,
        cases: &[
            ("long2_unnamed", "inputs_2d"),
            ("long2_unnamed", "instances_2d"),
            ("long2_unnamed", "inputs_null"),
            ("long2_unnamed", "wrong_width"),
            ("long2_unnamed", "params_null"),
        ],
    },
    Difference {
        reason: "rows have no names for a guest: the index of a dataframe_split is read and left out",
        modes: BOTH,
        cases: &[("cols_optional", "index"), ("cols_required", "index")],
    },
    Difference {
        reason: "a record is an object; MLflow takes bare values, against its own message",
        modes: SANE,
        cases: &[("nosig", "records_scalars")],
    },
    Difference {
        reason: "a missing Content-Type is 415 with a message; MLflow fails with 500",
        modes: SANE,
        cases: &[("nosig", "no_content_type")],
    },
    Difference {
        reason: "a media type that is not served is 415 in the shape of every other error; MLflow answers plain text",
        modes: SANE,
        cases: &[("nosig", "charset_latin")],
    },
    Difference {
        reason: "a model that fails is 500 with a reference to the log; MLflow answers 400 with a traceback, or fails itself",
        modes: BOTH,
        cases: &[("out", "decimal"), ("out", "raise"), ("out", "mlraise")],
    },
    Difference {
        reason: "null is no element of a tensor of truth values or texts; MLflow makes false and the text `None` of it",
        modes: SANE,
        cases: &[
            ("experiments", "inputs bool null"),
            ("experiments", "split bool null"),
            ("experiments", "inputs str null"),
            ("experiments", "split str null"),
        ],
    },
    Difference {
        reason: "a parameter that is a moment is passed on as the text that it came as",
        modes: BOTH,
        cases: &[("experiments", "param datetime \"2020-01-01T00:00:00Z\"")],
    },
    Difference {
        reason: "guests have no column of 64 bits without a sign: what needs it is a float, as in JSON",
        modes: BOTH,
        cases: &[("experiments", "csv 'a\\n9223372036854775808\\n'")],
    },
    Difference {
        reason: "columns that the model does not take are not read; pandas gives the second of one name the first one's type",
        modes: BOTH,
        cases: &[("experiments", "csv boolean 'a,a\\n1,2\\n'")],
    },
    // Seen by tests/mlflow/differential.py alone.
    Difference {
        reason: "a moment before 1677 or after 2262 is refused; MLflow lets it wrap around into another one",
        modes: SANE,
        cases: &[],
    },
    Difference {
        reason: "without a signature, texts beside other values in an array are refused; numpy spells them all as texts",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a null in an array without a signature is a NaN; MLflow's model gets an array of objects",
        modes: SANE,
        cases: &[],
    },
    Difference {
        reason: "lists in the cells of a table fill a tensor of any shape; MLflow takes single values and flat lists alone",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a column without values has the type of the signature, or is one of floats; to pandas it is one of objects",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an empty list is an empty array; without a signature MLflow's model gets the list itself",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an empty list is no table where columns have names; MLflow makes one without rows for a single column",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a binary column of a CSV or Parquet body holds a text's bytes; MLflow leaves the text",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a missing value is missing; pandas has None, NaN, a truth value or b'None' for it, as the request was written",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "texts are texts; to pandas a column of them is one of texts or of objects, as the request was written",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an object of single values is one row; MLflow refuses it where nothing else says how many rows there are",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a table whose columns are all left out keeps its rows; MLflow's has none",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a request with two faults is refused for the one that is found first, which is not always MLflow's first",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "what MLflow casts and then finds incompatible is refused while it is cast, with the error code of a cast",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a table or a list without rows fills tensors without rows; MLflow fails on it",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a number or a truth value is no binary value; MLflow reads its digits or letters",
        modes: SANE,
        cases: &[],
    },
    Difference {
        reason: "a column of moments is refused in a CSV body, as by MLflow, where there are no rows too",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an infinity among texts is missing without a signature: a column of both is one of JSON, which has no infinity",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a number in an object, an array or a map is accepted where it fits; MLflow takes doubles and longs alone",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "arrays, objects and maps are taken in `inputs` and `instances` as in the other forms; MLflow refuses some and mixes up others",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a column of any values holds each of them as it came; pandas finds a type for it where it can",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "records in `inputs` are tensors by name, without a signature too; MLflow's model gets the list of records",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an object in `inputs` is columns where one of its values is a list; MLflow takes it for one row where others are not",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a whole number keeps its digits in a tensor; MLflow's goes through a double beside larger ones",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a column of a table without names is called by its position; to MLflow a position is no name",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "columns that the model does not take are not read; MLflow reads them first, fails on some and repeats rows for others",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an infinity is true in a column of truth values of a CSV body, as in the other forms; pandas refuses it there",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a binary value of `inputs` or `instances` is a text's bytes in UTF-8; MLflow's numpy takes ASCII alone",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "an infinity in a list of parameters is null, since a list is JSON to a guest; MLflow checks its type",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "records and chat bodies for columns without names are cast column by column; MLflow compares types, or fails",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a moment is read by itself, and a missing one is missing; pandas and numpy want all of a column written in one form",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a year of fewer than four digits is no moment; MLflow lets it wrap around into another one",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a whole number keeps its digits in a column; MLflow's goes through a double beside fractions",
        modes: BOTH,
        cases: &[],
    },
    Difference {
        reason: "a text keeps the NUL characters at its end; numpy drops them",
        modes: BOTH,
        cases: &[],
    },
];
