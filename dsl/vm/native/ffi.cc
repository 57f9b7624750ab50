// The door to XLA: `step` as a custom call. Compiled against the headers of the installed jaxlib.
#include "kernels.h"
#include "machine.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

// The memory is donated: it is the result's buffer.
ffi::Error step(ffi::Buffer<ffi::F32> weights, ffi::Buffer<ffi::F32> memory, ffi::Buffer<ffi::F32> gradient,
                ffi::Buffer<ffi::F32> lr, ffi::Buffer<ffi::S32> program, ffi::ResultBuffer<ffi::F32> update,
                ffi::ResultBuffer<ffi::F32> memory_after, ffi::Span<const std::int64_t> starts) {
  if (memory.untyped_data() != memory_after->untyped_data())
    return ffi::Error::Internal("optsearch: XLA gave the new states a buffer of their own");
  const optsearch::Step it{
      program.typed_data(), program.element_count(), weights.typed_data(),
      gradient.typed_data(), update->typed_data(),   memory.typed_data(),
      std::size_t(memory.dimensions()[0]), *lr.typed_data(), starts.begin(), starts.size() - 1,
  };
  if (std::size_t(starts.back()) != weights.element_count())
    return ffi::Error::InvalidArgument("optsearch: the leaves are not all of the weights");
  if (const char* problem = optsearch::execute(it)) return ffi::Error::InvalidArgument(problem);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(optsearch_step, step,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<ffi::Span<const std::int64_t>>("starts"));

extern "C" {

// Of the headers: the major version times 65536, plus the minor one.
std::uint32_t optsearch_ffi_version() { return XLA_FFI_API_MAJOR << 16 | XLA_FFI_API_MINOR; }

// The names of the kernels by number; null after the last.
const char* optsearch_kernel(std::uint32_t number) {
  return number < std::size(optsearch::kernels) ? optsearch::kernels[number].name : nullptr;
}
}
