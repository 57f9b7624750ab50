// The functions of the language that are applied number by number: one row each, in the order of dsl/functions.py.
#pragma once

#include <cmath>
#include <cstddef>

// glibc's libmvec has these for whole vectors; told so, the compiler calls it, eight numbers at a time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
#define OPTSEARCH_VECTOR __attribute__((simd("notinbranch"), const, nothrow))
extern "C" {
OPTSEARCH_VECTOR float cosf(float) noexcept;
OPTSEARCH_VECTOR float sinf(float) noexcept;
OPTSEARCH_VECTOR float tanf(float) noexcept;
OPTSEARCH_VECTOR float asinf(float) noexcept;
OPTSEARCH_VECTOR float acosf(float) noexcept;
OPTSEARCH_VECTOR float atanf(float) noexcept;
OPTSEARCH_VECTOR float sinhf(float) noexcept;
OPTSEARCH_VECTOR float coshf(float) noexcept;
OPTSEARCH_VECTOR float tanhf(float) noexcept;
OPTSEARCH_VECTOR float asinhf(float) noexcept;
OPTSEARCH_VECTOR float acoshf(float) noexcept;
OPTSEARCH_VECTOR float atanhf(float) noexcept;
OPTSEARCH_VECTOR float expf(float) noexcept;
OPTSEARCH_VECTOR float exp2f(float) noexcept;
OPTSEARCH_VECTOR float expm1f(float) noexcept;
OPTSEARCH_VECTOR float logf(float) noexcept;
OPTSEARCH_VECTOR float log10f(float) noexcept;
OPTSEARCH_VECTOR float log2f(float) noexcept;
OPTSEARCH_VECTOR float cbrtf(float) noexcept;
OPTSEARCH_VECTOR float powf(float, float) noexcept;
}
#endif
#endif

namespace optsearch {

// out[i] = f(in[0][i], ...) for i below count, at least 1; `out` may be one of `in`.
using Loop = void (*)(float* out, const float* const* in, std::size_t count);

struct Kernel {
  const char* name;
  int arity;
  // By which operands are one number for all: 0 none, 1 the first, 2 the second, 4 the third. Null: no such loop.
  Loop loops[5];
};

// Applies F to operands of which those of `mask` are one number for all.
template <class F, int mask, int... k>
void loop(float* out, const float* const* in, std::size_t count) {
  const float* const rows[] = {in[k]...};
  const float numbers[] = {*in[k]...};  // read once: the compiler cannot know that `out` is none of them
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) out[i] = F{}((mask >> k & 1) ? numbers[k] : rows[k][i]...);
}

template <class F>
constexpr Kernel unary(const char* name, F) {
  return {name, 1, {loop<F, 0, 0>}};
}

template <class F>
constexpr Kernel binary(const char* name, F) {
  return {name, 2, {loop<F, 0, 0, 1>, loop<F, 1, 0, 1>, loop<F, 2, 0, 1>}};
}

template <class F>
constexpr Kernel ternary(const char* name, F) {
  return {name, 3, {loop<F, 0, 0, 1, 2>, nullptr, nullptr, nullptr, loop<F, 4, 0, 1, 2>}};
}

inline constexpr Kernel kernels[] = {
    unary("abs", [](float x) { return std::fabs(x); }),
    unary("cos", [](float x) { return cosf(x); }),
    unary("sin", [](float x) { return sinf(x); }),
    unary("tan", [](float x) { return tanf(x); }),
    unary("arcsin", [](float x) { return asinf(x); }),
    unary("arccos", [](float x) { return acosf(x); }),
    unary("arctan", [](float x) { return atanf(x); }),
    unary("sinh", [](float x) { return sinhf(x); }),
    unary("cosh", [](float x) { return coshf(x); }),
    unary("tanh", [](float x) { return tanhf(x); }),
    unary("arcsinh", [](float x) { return asinhf(x); }),
    unary("arccosh", [](float x) { return acoshf(x); }),
    unary("arctanh", [](float x) { return atanhf(x); }),
    unary("exp", [](float x) { return expf(x); }),
    unary("exp2", [](float x) { return exp2f(x); }),
    unary("exp10", [](float x) { return powf(10.0f, x); }),
    unary("expm1", [](float x) { return expm1f(x); }),
    unary("log", [](float x) { return logf(std::fabs(x)); }),
    unary("log10", [](float x) { return log10f(std::fabs(x)); }),
    unary("log2", [](float x) { return log2f(std::fabs(x)); }),
    unary("log1p", [](float x) { return logf(std::fabs(1.0f + x)); }),
    unary("square", [](float x) { return x * x; }),
    unary("sqrt", [](float x) { return std::sqrt(std::fabs(x)); }),
    unary("cube", [](float x) { return x * x * x; }),
    unary("cbrt", [](float x) { return cbrtf(x); }),
    unary("sign", [](float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }),  // of NaN, NaN
    unary("reciprocal", [](float x) { return 1.0f / x; }),
    unary("negative", [](float x) { return -x; }),
    binary("+", [](float x, float y) { return x + y; }),
    binary("-", [](float x, float y) { return x - y; }),
    binary("*", [](float x, float y) { return x * y; }),
    binary("/", [](float x, float y) { return x / (y + 1e-8f); }),
    binary("max", [](float x, float y) { return x > y || x != x ? x : y; }),  // of NaN and a number, NaN
    binary("min", [](float x, float y) { return x < y || x != x ? x : y; }),
    binary("power", [](float x, float y) { return powf(x, y); }),
    binary("quotient", [](float x, float y) { return x / y; }),  // no function: what the machine itself divides with
    ternary("interp", [](float x, float y, float a) { return (1.0f - a) * x + a * y; }),
};

}  // namespace optsearch
