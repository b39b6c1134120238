//! The guest contract as Rust: generated from `guest-sdk/wit`, the one place where it is written down.
//!
//! Borrowed on the way in: a call's columns and tensors are lowered from where they were decoded, without a copy in
//! between. Used by `convert.rs` and by the host side of each import.

wasmtime::component::bindgen!({
    path: "../../guest-sdk/wit",
    world: "mlhost:guest/model",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: {
        "mlhost:nn/graphs.compute": async | trappable,
        "wasi:nn/inference.[method]graph-execution-context.compute": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "wasi:nn/tensor.tensor": crate::wasi_nn::HeldTensor,
        "wasi:nn/errors.error": crate::wasi_nn::HeldError,
        "wasi:nn/graph.graph": crate::wasi_nn::HeldGraph,
        "wasi:nn/inference.graph-execution-context": crate::wasi_nn::HeldGraph,
    },
});
