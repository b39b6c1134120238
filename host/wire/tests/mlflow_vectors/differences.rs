//! Where mlhost answers otherwise than MLflow, on purpose: each captured case with its reason and the modes it holds in.
//!
//! A case that is listed and does not differ fails the test, as does one that differs and is not listed. What the captures
//! do not show and no mode repeats, for what it would do to a client or a guest: `stack_trace` and the request's own data
//! in error messages, which tell a client of the host's insides; a file's path where the body has a text; bare `NaN` in
//! the JSON texts of a guest, which are checked to be JSON.

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

/// All of them.
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
        reason: "another charset is 415 in the shape of every other error; MLflow answers plain text",
        modes: SANE,
        cases: &[("nosig", "charset_latin")],
    },
    Difference {
        reason: "the model of the capture fails on purpose, which the dialect does not see",
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
];
