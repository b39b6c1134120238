//! The names that the bindings generator makes of `guest-sdk/wit`.
//!
//! Only `component` and `export!` use them; guests never see them.

wit_bindgen::generate!({
    path: "../wit",
    world: "model",
    pub_export_macro: true,
    export_macro_name: "export_component",
    generate_all,
});
