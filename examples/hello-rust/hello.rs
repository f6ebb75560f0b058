// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

fn main() {
    let words: BTreeMap<usize, &str> = "Hello from Rust".split(' ').enumerate().collect();
    println!("{:?}", words);
}
