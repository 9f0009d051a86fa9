/* SPDX-License-Identifier: BSD-2-Clause */
/* A function's name without what makes it long. */
#ifndef CONCTRACE_SHORT_NAME_H
#define CONCTRACE_SHORT_NAME_H

/*
 * Takes template and generic arguments and parameters out of a demangled C++ or Rust name, in place:
 *     std::vector<int, std::allocator<int> >::push_back(int&&)    std::vector::push_back
 *     main::{lambda(int)#1}::operator()(int) const                main::{lambda#1}::operator()
 *     <alloc::vec::Vec<T> as core::ops::Drop>::drop               <alloc::vec::Vec as core::ops::Drop>::drop
 * Operators, "(anonymous namespace)" and Rust's own angle brackets stay. A name whose brackets do not match
 * is cut where they stop to make sense.
 */
void short_name(char *name);

#endif
