// Random programs for the native machine, built by scripts/fuzz_native.py with sanitizers:  fuzz PROGRAMS SEED
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "kernels.h"
#include "machine.h"

namespace {

using optsearch::Instruction;

std::mt19937_64 random_bits;

std::size_t below(std::size_t count) { return random_bits() % count; }

bool one_in(std::size_t count) { return below(count) == 0; }

// Mostly an instruction that fits its operands; one in forty is anything.
Instruction instruction(std::size_t trees, std::size_t smalls) {
  const auto tree = [&] { return std::int32_t(below(trees)); };
  const auto target = [&] { return std::int32_t(trees > 2 ? 2 + below(trees - 2) : below(trees)); };
  const auto small = [&] { return ~std::int32_t(below(smalls)); };
  const std::size_t opcodes = optsearch::kKernel + std::size(optsearch::kernels);
  const auto opcode = std::uint32_t(below(opcodes));
  if (one_in(40)) {
    const auto any = [&] { return std::int32_t(one_in(4) ? random_bits() : below(trees + smalls + 4) - smalls - 2); };
    return {one_in(4) ? std::uint32_t(any()) : opcode, any(), {any(), any(), any()}};
  }
  if (opcode == optsearch::kSpread) return {opcode, target(), {small(), 0, 0}};
  if (opcode == optsearch::kNorm) return {opcode, small(), {tree(), 0, 0}};
  if (opcode == optsearch::kDot && one_in(2)) return {opcode, small(), {tree(), tree(), 0}};
  if (opcode == optsearch::kDot) return {opcode, small(), {small(), small(), 0}};
  if (one_in(3)) return {opcode, small(), {small(), small(), small()}};
  Instruction it{opcode, target(), {tree(), tree(), tree()}};
  if (one_in(3)) it.operands[below(3)] = small();
  return it;
}

std::vector<float> numbers(std::size_t count) {
  static const float special[] = {0.0f, -0.0f, 1.0f, INFINITY, -INFINITY, NAN, 1e-38f, 3e38f};
  std::vector<float> result(count);
  for (float& x : result)
    x = one_in(50) ? special[below(std::size(special))] : float(std::int64_t(below(2000001)) - 1000000) * 1e-6f;
  return result;
}

}  // namespace

int main(int, char** arguments) {
  const long programs = std::atol(arguments[1]);
  random_bits.seed(std::atol(arguments[2]));
  long executed = 0;
  for (long program = 0; program < programs; ++program) {
    std::vector<std::int64_t> starts{0};
    for (std::size_t leaves = 1 + below(4); leaves > 0; --leaves)
      starts.push_back(starts.back() + (one_in(4) ? below(2) : below(one_in(20) ? 3000 : 40)));
    const std::size_t size = starts.back(), states = below(4), smalls = 1 + below(8);
    const std::size_t trees = 2 + states + below(5);
    const std::size_t length = below(24);
    std::vector<std::int32_t> words{std::int32_t(length), std::int32_t(trees), std::int32_t(smalls)};
    for (std::size_t i = 0; i <= states; ++i)
      words.push_back(one_in(50) ? std::int32_t(below(trees + 6)) - 4 : one_in(100) ? random_bits() : below(trees));
    for (float constant : numbers(smalls)) words.push_back(std::bit_cast<std::int32_t>(constant));
    for (std::size_t i = 0; i < length; ++i) {
      const Instruction it = instruction(trees, smalls);
      words.insert(words.end(), {std::int32_t(it.opcode), it.target, it.operands[0], it.operands[1], it.operands[2]});
    }
    if (one_in(20)) words.resize(below(words.size() + 1));
    if (one_in(20) && !words.empty()) words[below(std::min<std::size_t>(words.size(), 3))] = random_bits() >> below(33);
    const std::vector<float> weights = numbers(size), gradient = numbers(size);
    std::vector<float> update(size), memory = numbers(states * size);
    const optsearch::Step step{words.data(),  words.size(), weights.data(), gradient.data(),  update.data(),
                               memory.data(), states,       0.5f,           starts.data(), starts.size() - 1};
    // in a thread of its own, for the machine keeps its room per thread, and what is too small must not hide in it
    std::thread([&] { executed += optsearch::execute(step) == nullptr; }).join();
  }
  std::printf("%ld programs, %ld of them executed, the others refused; nothing found\n", programs, executed);
}
