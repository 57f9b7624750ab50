#include "machine.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace optsearch {
namespace {

constexpr std::size_t kBlock = 512;          // numbers; a program's rows of a block fit the first cache together
constexpr std::size_t kStride = kBlock + 16;  // between the rows of a block, so that they do not share cache lines
constexpr std::size_t kLanes = 16;           // sums side by side, so that they are vectors
constexpr std::size_t kHeader = 3;
constexpr std::int32_t kWeights = 0, kGradient = 1, kFirstState = 2;

// Kept from step to step, so that nothing is allocated in a training.
struct Workspace {
  std::vector<float*> trees;  // where each tree begins
  std::vector<float> rows;    // [trees that are no inputs, kStride], or [..., size] if a sum is read in between
  std::vector<float> staged;  // [states, kBlock]
  std::vector<float> smalls;  // [smalls, leaves]
  std::vector<double> sums;   // [smalls, leaves]: of a norm or dot under way, in the place of its target
  std::vector<const Instruction*> run;
};

// A program that is laid out as its words say.
struct Program {
  std::size_t length, trees, smalls;
  const std::int32_t* outputs;
  const float* constants;
  const Instruction* code;
};

bool is_tree(std::int32_t number) { return number >= 0; }

double dot(const float* x, const float* y, std::size_t count) {
  float lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
  double sum = 0.0;
  for (; i < count; ++i) sum += x[i] * y[i];
  for (float lane : lanes) sum += lane;
  return sum;
}

class Machine {
 public:
  Machine(const Step& step, const Program& program, Workspace& work)
      : step_(step), program_(program), work_(work), size_(step.starts[step.leaves]), inputs_(kFirstState + step.states) {
    work.trees.resize(program.trees);
    work.trees[kWeights] = const_cast<float*>(step.weights);  // of these two none is the target of an instruction
    work.trees[kGradient] = const_cast<float*>(step.gradient);
    for (std::size_t state = 0; state < step.states; ++state) work.trees[kFirstState + state] = step.memory + state * size_;
    work.staged.resize(step.states * kBlock);
    work.smalls.resize(program.smalls * step.leaves);
    for (std::size_t row = 0; row < program.smalls; ++row) fill(row, program.constants[row]);
    fill(0, step.lr);
  }

  // In runs: what is to be done on trees waits until a sum over one is read, then all of it is done block by block.
  void run() {
    const Instruction* const end = program_.code + program_.length;
    for (const Instruction* it = program_.code; it != end; ++it) {
      if (waits(*it)) {
        in_one_run_ = false;
        place_rows(size_);
        over_blocks(false);
      }
      if (on_trees(*it)) {
        work_.run.push_back(it);
        sums_in_run_ |= !is_tree(it->target);
      } else {
        on_small(*it);
      }
    }
    if (in_one_run_) place_rows(kStride);
    over_blocks(true);
  }

 private:
  // A row of the workspace, and not of a buffer of the step.
  bool is_own(std::int32_t tree) const { return tree >= inputs_ && tree != program_.outputs[0]; }

  // The part of a tree that belongs to the block; only the rows of a program in one run are as short as that.
  float* tree(std::int32_t number, std::size_t first) const {
    return work_.trees[number] + (in_one_run_ && is_own(number) ? 0 : first);
  }

  float* small(std::int32_t number) const { return &work_.smalls[~number * step_.leaves]; }

  double* sums(const Instruction& it) const { return &work_.sums[~it.target * step_.leaves]; }

  void fill(std::size_t row, float number) {
    std::fill_n(work_.smalls.begin() + row * step_.leaves, step_.leaves, number);
  }

  void place_rows(std::size_t stride) {
    const std::size_t rows = program_.trees - inputs_;
    if (work_.rows.size() < rows * stride) work_.rows.resize(rows * stride);
    for (std::size_t row = 0; row < rows; ++row) work_.trees[inputs_ + row] = work_.rows.data() + row * stride;
    if (program_.outputs[0] >= inputs_) work_.trees[program_.outputs[0]] = step_.update;
  }

  bool on_trees(const Instruction& it) const { return is_tree(it.target) || is_tree(it.operands[0]); }

  // Whether it reads a sum over the trees of the run.
  bool waits(const Instruction& it) const {
    return sums_in_run_ && std::any_of(work_.run.begin(), work_.run.end(), [&](const Instruction* before) {
      return !is_tree(before->target) && std::count(it.operands, it.operands + 3, before->target);
    });
  }

  void on_small(const Instruction& it) {
    if (it.opcode == kDot) {
      fill(~it.target, dot(small(it.operands[0]), small(it.operands[1]), step_.leaves));
    } else {
      const Kernel& kernel = kernels[it.opcode - kKernel];
      const float* in[3];
      for (int k = 0; k < kernel.arity; ++k) in[k] = small(it.operands[k]);
      kernel.loops[0](small(it.target), in, step_.leaves);
    }
  }

  void over_blocks(bool last) {
    work_.sums.resize(program_.smalls * step_.leaves);
    for (const Instruction* it : work_.run)
      if (!is_tree(it->target)) std::fill_n(sums(*it), step_.leaves, 0.0);
    for (std::size_t first = 0; first < size_; first += kBlock) {
      const std::size_t count = std::min(kBlock, size_ - first);
      for (const Instruction* it : work_.run) on_block(*it, first, count);
      if (last) store(first, count);
    }
    for (const Instruction* it : work_.run) {
      if (it->opcode == kDot)
        fill(~it->target, sums(*it)[0]);
      else if (it->opcode == kNorm)
        std::transform(sums(*it), sums(*it) + step_.leaves, small(it->target), [](double sum) { return std::sqrt(float(sum)); });
    }
    work_.run.clear();
    sums_in_run_ = false;
  }

  void on_block(const Instruction& it, std::size_t first, std::size_t count) {
    if (it.opcode >= kKernel) {
      const Kernel& kernel = kernels[it.opcode - kKernel];
      const float* in[3];
      int mask = 0;
      for (int k = 0; k < kernel.arity; ++k) {
        const bool is_one_number = !is_tree(it.operands[k]);
        in[k] = is_one_number ? small(it.operands[k]) : tree(it.operands[k], first);
        mask |= is_one_number << k;
      }
      kernel.loops[mask](tree(it.target, first), in, count);
    } else if (it.opcode == kDot) {
      sums(it)[0] += dot(tree(it.operands[0], first), tree(it.operands[1], first), count);
    } else {
      over_leaves(it, first, count);
    }
  }

  // Spread and norm on the part of each leaf that lies in the block.
  void over_leaves(const Instruction& it, std::size_t first, std::size_t count) {
    const std::int64_t* next = std::upper_bound(step_.starts, step_.starts + step_.leaves, std::int64_t(first));
    std::size_t done = 0;
    for (std::size_t leaf = next - step_.starts - 1; done < count; ++leaf) {
      const std::size_t end = std::min(count, std::size_t(step_.starts[leaf + 1]) - first);
      if (it.opcode == kSpread) {
        float* y = tree(it.target, first);
        std::fill(y + done, y + end, small(it.operands[0])[leaf]);
      } else {
        const float* x = tree(it.operands[0], first) + done;
        sums(it)[leaf] += dot(x, x, end - done);
      }
      done = end;
    }
  }

  // Keeps what was not computed in its place. A state that becomes an input is read before any is written, for m and v
  // may be swapped.
  void store(std::size_t first, std::size_t count) {
    const std::int32_t* const output = program_.outputs;
    if (output[0] < inputs_) std::copy_n(tree(output[0], first), count, step_.update + first);
    const auto staged = [&](std::int32_t state) { return work_.staged.data() + (state - kFirstState) * kBlock; };
    const auto source = [&](std::int32_t state) { return output[1 + state - kFirstState]; };
    for (std::int32_t state = kFirstState; state < inputs_; ++state)
      if (source(state) < inputs_ && source(state) != state) std::copy_n(tree(source(state), first), count, staged(state));
    for (std::int32_t state = kFirstState; state < inputs_; ++state)
      if (source(state) != state)
        std::copy_n(source(state) < inputs_ ? staged(state) : tree(source(state), first), count, tree(state, first));
  }

  const Step& step_;
  const Program& program_;
  Workspace& work_;
  const std::size_t size_;
  const std::int32_t inputs_;
  bool in_one_run_ = true, sums_in_run_ = false;
};

const char* problem(const Instruction& it, const Program& program) {
  const auto exists = [&](std::int32_t number) {
    return is_tree(number) ? std::size_t(number) < program.trees : std::size_t(~number) < program.smalls;
  };
  if (it.opcode >= kKernel + std::size(kernels)) return "an opcode is unknown";
  if (it.target == kWeights || it.target == kGradient || !exists(it.target)) return "a target is no register";
  const Kernel* kernel = it.opcode >= kKernel ? &kernels[it.opcode - kKernel] : nullptr;
  const int arity = kernel ? kernel->arity : it.opcode == kDot ? 2 : 1;
  int smalls = 0;
  for (int k = 0; k < arity; ++k) {
    if (!exists(it.operands[k])) return "an operand is no register";
    smalls |= !is_tree(it.operands[k]) << k;
  }
  const bool all = smalls == (1 << arity) - 1, to_tree = is_tree(it.target);
  const bool fits = it.opcode == kSpread ? to_tree && all
                    : it.opcode == kNorm ? !to_tree && smalls == 0
                    : it.opcode == kDot  ? !to_tree && (smalls == 0 || all)
                    : to_tree            ? smalls < 5 && kernel->loops[smalls] != nullptr
                                         : all;
  return fits ? nullptr : "operands and target do not fit the opcode";
}

// Reads the words; null, or what is wrong with them.
const char* read(const Step& step, Program& program) {
  if (step.words < kHeader) return "the program has no header";
  program.length = std::uint32_t(step.program[0]);
  program.trees = std::uint32_t(step.program[1]);
  program.smalls = std::uint32_t(step.program[2]);
  const std::size_t results = 1 + step.states;
  if (kHeader + results + program.smalls + 5 * program.length > step.words) return "the program is cut off";
  program.outputs = step.program + kHeader;
  program.constants = reinterpret_cast<const float*>(program.outputs + results);
  program.code = reinterpret_cast<const Instruction*>(program.constants + program.smalls);
  const std::size_t inputs = kFirstState + step.states;
  if (step.leaves < 1 || program.smalls < 1 || program.trees < inputs) return "registers are missing";
  if (program.trees > inputs + program.length + 1) return "there are more trees than instructions could set";
  for (std::size_t i = 0; i < results; ++i)
    if (std::uint32_t(program.outputs[i]) >= program.trees) return "an output is no tree";
  for (std::size_t i = 0; i < program.length; ++i)
    if (const char* found = problem(program.code[i], program)) return found;
  return nullptr;
}

}  // namespace

const char* execute(const Step& step) {
  static thread_local Workspace work;
  Program program;
  const char* found = read(step, program);
  if (found == nullptr) Machine(step, program, work).run();
  return found;
}

}  // namespace optsearch
