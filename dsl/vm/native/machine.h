// One optimizer step: bytecode over the flat vector of weights, in blocks that stay in the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace optsearch {

// Registers are numbered: 0 the weights, 1 the gradient, then the states, then the other trees; and from -1 down the
// smalls, rows with one number for each leaf. The first small holds the learning rate.
struct Instruction {
  std::uint32_t opcode;
  std::int32_t target, operands[3];
};

// What the machine does itself; the kernels follow, in the order of kernels.h.
enum Opcode : std::uint32_t {
  kSpread,  // tree = small: each leaf gets its number
  kNorm,    // small = L2 norm of each leaf of a tree
  kDot,     // small = sum of the products of two trees, or of two smalls over the leaves
  kKernel,
};

// A program, as dsl/vm/native_machine.py writes it, is words:
//   length, trees, smalls
//   outputs [1 + states]: the trees that hold the update and the new states
//   constants [smalls]: float32, what every number of a small is when the step begins
//   instructions [length, 5]
struct Step {
  const std::int32_t* program;
  std::size_t words;

  const float* weights;   // [size]
  const float* gradient;  // [size]
  float* update;          // [size], out: to be subtracted from the weights
  float* memory;          // [states, size], in and out
  std::size_t states;
  float lr;

  const std::int64_t* starts;  // [leaves + 1]: where the leaves begin, and the size
  std::size_t leaves;
};

// Null, or what is wrong with the program; nothing is executed then.
const char* execute(const Step& step);

}  // namespace optsearch
