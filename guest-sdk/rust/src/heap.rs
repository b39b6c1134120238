//! The guest's allocator: that of Rust's standard library, over the memory that the instance begins with, and lists of
//! small blocks before it.
//!
//! The standard library's own asks the host for more memory at its first allocation, though `mlhost build` gives every
//! guest a heap to begin with. In a fresh instance for every call that is two changes of the page tables a call, which
//! every other core has to be told of; half of a small call's time went there. For the same reason memory is doubled
//! where it does not do. Most of a call's blocks are small and short-lived: those are taken from a list of their size
//! and put back, a few instructions each, and were a third of a small guest's own time before. Used on WebAssembly only;
//! the feature `allocator` leaves it out for guests that bring their own.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use dlmalloc::{Allocator, Dlmalloc};

const PAGE: usize = 64 << 10;

/// Small blocks are multiples of this, aligned to it.
const STEP: usize = 16;

/// The largest small block.
const SMALL: usize = 512;

/// How much memory is cut into small blocks at one time.
const CHUNK: usize = 4 << 10;

unsafe extern "C" {
    /// Where the linker's own data and the stack end; only its address means something.
    static __heap_base: u8;
}

/// The allocator of every guest.
#[global_allocator]
static HEAP: Heap = Heap {
    inner: UnsafeCell::new(Dlmalloc::new_with_allocator(Memory { next: Cell::new(0) })),
    free: [const { Cell::new(ptr::null_mut()) }; SMALL / STEP + 1],
    uncut: Cell::new(ptr::null_mut()),
    uncut_bytes: Cell::new(0),
};

struct Heap {
    inner: UnsafeCell<Dlmalloc<Memory>>,
    /// Free blocks of each size, in steps. Each begins with the address of the next.
    free: [Cell<*mut u8>; SMALL / STEP + 1],
    /// The rest of the memory that small blocks are cut from.
    uncut: Cell<*mut u8>,
    uncut_bytes: Cell<usize>,
}

/// Hands out the memory from `__heap_base` on, first what is there, then what the host grants.
struct Memory {
    /// The first byte that was not handed out; 0 before the first time.
    next: Cell<usize>,
}

// === impl Memory ===

// SAFETY: each region is handed out once: `next` only moves forward, and growth moves it to the memory's end.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let start = match self.next.get() {
            0 => (&raw const __heap_base as usize).next_multiple_of(16),
            next => next,
        };
        let refused = (ptr::null_mut(), 0, 0);
        let Some(end) = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE)) else {
            return refused;
        };
        let memory = wasm32::memory_size(0) * PAGE;
        if end > memory {
            let grows = |bytes: usize| wasm32::memory_grow(0, bytes / PAGE) != usize::MAX;
            let missing = end - memory;
            if !grows(missing.max(memory)) && !grows(missing) {
                return refused;
            }
        }
        self.next.set(end);
        (start as *mut u8, end - start, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

// === impl Heap ===

impl Heap {
    /// The size of a small block for `layout`, in steps; `None` for what is not small.
    #[inline(always)]
    fn steps(layout: Layout) -> Option<usize> {
        (layout.size() <= SMALL && layout.align() <= STEP).then(|| layout.size().div_ceil(STEP).max(1))
    }

    /// A block of so many steps; null where there is no memory.
    #[inline(always)]
    fn take(&self, steps: usize) -> *mut u8 {
        let free = &self.free[steps];
        let block = free.get();
        if !block.is_null() {
            // SAFETY: a free block of ours begins with the address of the next, and is aligned for it.
            free.set(unsafe { block.cast::<*mut u8>().read() });
            return block;
        }
        self.cut(steps * STEP)
    }

    /// A new block of `bytes`, at most as large as a chunk.
    fn cut(&self, bytes: usize) -> *mut u8 {
        if self.uncut_bytes.get() < bytes {
            // What is left of the old chunk is lost: less than one small block in four kibibytes.
            // SAFETY: nothing else borrows the inner allocator: it calls nothing but `Memory`.
            let chunk = unsafe { (*self.inner.get()).malloc(CHUNK, STEP) };
            if chunk.is_null() {
                return chunk;
            }
            self.uncut.set(chunk);
            self.uncut_bytes.set(CHUNK);
        }
        let block = self.uncut.get();
        // SAFETY: at least `bytes` are left behind it.
        self.uncut.set(unsafe { block.add(bytes) });
        self.uncut_bytes.set(self.uncut_bytes.get() - bytes);
        block
    }

    /// Takes a block back.
    #[inline(always)]
    fn put(&self, block: *mut u8, steps: usize) {
        let free = &self.free[steps];
        // SAFETY: the block is ours again, at least a step long and aligned to one.
        unsafe { block.cast::<*mut u8>().write(free.get()) };
        free.set(block);
    }
}

/// Where the host asks for the memory of what it hands over, block by block: the canonical ABI's `realloc`. In the place of
/// wit-bindgen's own, which reaches the same allocator by way of three more calls.
///
/// # Safety
///
/// `old` is null, or a block of ours of `old_bytes` and this alignment, a power of two.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_bytes: usize, align: usize, bytes: usize) -> *mut u8 {
    if old_bytes == 0 && bytes == 0 {
        return ptr::without_provenance_mut(align);
    }
    // SAFETY: the host promises what makes a layout.
    let block = unsafe {
        if old_bytes == 0 {
            HEAP.alloc(Layout::from_size_align_unchecked(bytes, align))
        } else {
            HEAP.realloc(old, Layout::from_size_align_unchecked(old_bytes, align), bytes)
        }
    };
    if block.is_null() {
        // No memory is left for a message either.
        wasm32::unreachable();
    }
    block
}

// SAFETY: a guest has one thread; the contract knows no other.
unsafe impl Sync for Heap {}

// SAFETY: a small block is in one list or in use, never both, and as large and aligned as its layout asks for; the same
// layout leads back to its list. For others every method passes its caller's promises on to dlmalloc, which keeps those of
// an allocator; its exclusive borrow ends before anything else can run, since it calls nothing but `Memory`.
unsafe impl GlobalAlloc for Heap {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Self::steps(layout) {
            Some(steps) => self.take(steps),
            None => unsafe { (*self.inner.get()).malloc(layout.size(), layout.align()) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Self::steps(layout) {
            Some(steps) => {
                let block = self.take(steps);
                if !block.is_null() {
                    unsafe { block.write_bytes(0, layout.size()) };
                }
                block
            }
            None => unsafe { (*self.inner.get()).calloc(layout.size(), layout.align()) },
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match Self::steps(layout) {
            Some(steps) => self.put(pointer, steps),
            None => unsafe { (*self.inner.get()).free(pointer, layout.size(), layout.align()) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that size and alignment make a layout.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Self::steps(layout), Self::steps(new)) {
            (None, None) => unsafe {
                (*self.inner.get()).realloc(pointer, layout.size(), layout.align(), size)
            },
            (Some(old), Some(new)) if old == new => pointer,
            _ => unsafe {
                let block = self.alloc(new);
                if !block.is_null() {
                    ptr::copy_nonoverlapping(pointer, block, layout.size().min(size));
                    self.dealloc(pointer, layout);
                }
                block
            },
        }
    }
}
