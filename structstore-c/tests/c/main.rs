//! The library as C and C++ programs meet it.

mod compiler;
mod header;
mod programs;
