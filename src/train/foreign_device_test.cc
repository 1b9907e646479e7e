#include "train/foreign_device_test.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <unistd.h>

#include <bit>
#include <map>
#include <mutex>

#include "base/check.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::jit::Stack;

// One file of memory mapped twice: where the device's tensors are, unreadable, and where its
// operators find the same bytes.
class Memory {
 public:
  void* Take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = SizeOf(bytes);
    std::vector<void*>& free = free_[size];
    if (free.empty()) {
      HADAL_CHECK(used_ + size <= kBytes);
      free.push_back(device_ + used_);
      used_ += size;
    }
    void* const piece = free.back();
    free.pop_back();
    return piece;
  }
  void Give(void* piece, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    free_[SizeOf(bytes)].push_back(piece);
  }
  std::byte* Host(const void* piece) const {
    return host_ + (static_cast<const std::byte*>(piece) - device_);
  }

  static Memory& Get() {
    static Memory* const memory = new Memory;  // outlives every tensor
    return *memory;
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{8} << 30;  // of addresses; used ones cost

  Memory() {
    const int file = memfd_create("foreign device", 0);
    HADAL_CHECK(file >= 0 && ftruncate(file, kBytes) == 0);
    device_ = Map(file, PROT_NONE);
    host_ = Map(file, PROT_READ | PROT_WRITE);
  }
  static std::byte* Map(int file, int protection) {
    void* const at = mmap(nullptr, kBytes, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    HADAL_CHECK(at != MAP_FAILED);
    return static_cast<std::byte*>(at);
  }
  static std::size_t SizeOf(std::size_t bytes) {
    return std::bit_ceil(std::max<std::size_t>(bytes, 64));
  }

  std::mutex mutex_;
  std::byte *device_ = nullptr, *host_ = nullptr;
  std::size_t used_ = 0;
  std::map<std::size_t, std::vector<void*>> free_;  // by size
};

struct Piece {
  void* at;
  std::size_t bytes;
};
void GivePiece(void* context) {
  const auto* piece = static_cast<Piece*>(context);
  Memory::Get().Give(piece->at, piece->bytes);
  delete piece;
}

Tensor NewTensor(at::IntArrayRef sizes, at::IntArrayRef strides, torch::ScalarType type) {
  const caffe2::TypeMeta meta = c10::scalarTypeToTypeMeta(type);
  const std::size_t bytes = at::detail::computeStorageNbytes(sizes, strides, meta.itemsize());
  auto* const piece = new Piece{Memory::Get().Take(bytes), bytes};
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes,
                       c10::DataPtr(piece->at, piece, &GivePiece, kForeignDevice));
  Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::XPU), meta);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return tensor;
}

bool IsForeign(const Tensor& x) { return x.defined() && x.device() == kForeignDevice; }

// The same memory as a tensor of the CPU.
Tensor OnHost(const Tensor& x) {
  if (!IsForeign(x)) return x;
  std::byte* const data = Memory::Get().Host(x.storage().data_ptr().get()) +
                          static_cast<std::size_t>(x.storage_offset()) * x.dtype().itemsize();
  return at::from_blob(data, x.sizes(), x.strides(), torch::TensorOptions(x.scalar_type()));
}

Tensor FromHost(const Tensor& host) {
  const Tensor whole = host.contiguous();
  Tensor tensor = NewTensor(whole.sizes(), whole.strides(), whole.scalar_type());
  OnHost(tensor).copy_(whole);
  return tensor;
}

// An operator that asks for its result to be resized begins with an empty one.
bool IsToBeMade(const Tensor& x, const c10::Argument& argument) {
  return argument.alias_info() != nullptr && argument.alias_info()->isWrite() && x.dim() == 1 &&
         x.numel() == 0;
}

Tensor ArgumentOnHost(const Tensor& x, const c10::Argument& argument, const std::string& op) {
  if (!x.defined()) return x;
  TORCH_CHECK(IsForeign(x) || x.dim() == 0, op, ": a tensor of the CPU among the device's");
  if (IsToBeMade(x, argument)) return torch::empty({0}, x.scalar_type());
  return OnHost(x);
}

void TakeOver(const Tensor& from, const Tensor& to) {
  const Tensor made = FromHost(from);
  to.unsafeGetTensorImpl()->set_storage_keep_dtype(made.storage());
  to.unsafeGetTensorImpl()->set_sizes_and_strides(made.sizes(), made.strides());
}

c10::IValue ResultOf(const c10::IValue& result) {
  if (result.isTensor() && result.toTensor().defined()) return FromHost(result.toTensor());
  if (!result.isTensorList()) return result;
  std::vector<Tensor> tensors;
  for (const Tensor& tensor : result.toTensorVector()) tensors.push_back(FromHost(tensor));
  return tensors;
}

// Any operator: computed on the other view of its arguments' memory.
void RunOnHost(const c10::OperatorHandle& op, Stack* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const std::size_t count = schema.arguments().size(), begin = stack->size() - count;
  std::vector<Tensor> written, written_on_host;
  for (std::size_t i = 0; i < count; ++i) {
    c10::IValue& value = (*stack)[begin + i];
    const c10::Argument& argument = schema.arguments()[i];
    if (value.isTensor()) {
      const Tensor given = value.toTensor();
      value = ArgumentOnHost(given, argument, schema.name());
      if (argument.alias_info() != nullptr && argument.alias_info()->isWrite()) {
        written.push_back(given);
        written_on_host.push_back(value.toTensor());
      }
    } else if (value.isTensorList()) {
      std::vector<Tensor> tensors;
      for (const Tensor& tensor : value.toTensorVector())
        tensors.push_back(ArgumentOnHost(tensor, argument, schema.name()));
      value = tensors;
    }
  }
  op.callBoxed(stack);
  for (std::size_t i = 0; i < written.size(); ++i)
    if (written[i].sizes() != written_on_host[i].sizes()) TakeOver(written_on_host[i], written[i]);
  const std::size_t results = schema.returns().size(), first = stack->size() - results;
  for (std::size_t i = 0, next = 0; i < results; ++i) {
    const auto* alias = schema.returns()[i].alias_info();
    TORCH_CHECK(alias == nullptr || alias->isWrite(), schema.name(), ": a view");
    c10::IValue& result = (*stack)[first + i];
    result = alias != nullptr ? c10::IValue(written.at(next++)) : ResultOf(result);
  }
}

Tensor& Copy(Tensor& to, const Tensor& from, bool /*non_blocking*/) {
  OnHost(to).copy_(OnHost(from));
  return to;
}

Tensor EmptyStrided(at::IntArrayRef sizes, at::IntArrayRef strides,
                    c10::optional<torch::ScalarType> type, c10::optional<c10::Layout> /*layout*/,
                    c10::optional<c10::Device> /*device*/, c10::optional<bool> /*pinned*/) {
  return NewTensor(sizes, strides, type.value_or(torch::kFloat));
}

Tensor Empty(at::IntArrayRef sizes, c10::optional<torch::ScalarType> type,
             c10::optional<c10::Layout> layout, c10::optional<c10::Device> device,
             c10::optional<bool> pinned, c10::optional<c10::MemoryFormat> /*format*/) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (std::size_t i = sizes.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<std::int64_t>(1, sizes[i]);
  return EmptyStrided(sizes, strides, type, layout, device, pinned);
}

Tensor ReshapeAlias(const Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides) {
  return at::native::as_strided_tensorimpl(x, sizes, strides, x.storage_offset());
}

using Guard = c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::XPU>;
C10_REGISTER_GUARD_IMPL(XPU, Guard);

TORCH_LIBRARY_IMPL(_, XPU, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&RunOnHost>());
}
TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("copy_", Copy);
  m.impl("empty.memory_format", Empty);
  m.impl("empty_strided", EmptyStrided);
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("_reshape_alias", ReshapeAlias);
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
}

TEST(ForeignDevice, ComputesAndLearns) {
  const Tensor x = torch::randn({5, 3}), w = torch::randn({4, 3});
  const auto gradient = [&](const torch::Device& device) {
    const Tensor leaf = x.to(device).detach().requires_grad_();
    torch::cat({torch::mm(leaf, w.to(device).t()), leaf}, 1)
        .softmax(1)
        .select(1, 2)
        .sum()
        .backward();
    return leaf.grad().cpu();
  };
  EXPECT_TRUE(torch::equal(gradient(kForeignDevice), gradient(torch::kCPU)));
}

TEST(ForeignDevice, RefusesTensorsOfTheCpu) {
  const Tensor x = torch::ones({3}, kForeignDevice);
  EXPECT_TRUE(torch::equal((x + torch::tensor(2.0F)).cpu(), torch::full({3}, 3.0F)));
  EXPECT_THROW(x + torch::ones({3}), c10::Error);
  EXPECT_THROW(x.index_select(0, torch::tensor({1}, torch::kLong)), c10::Error);
}

TEST(ForeignDeviceDeathTest, ItsMemoryIsNotTheProcessors) {
  const Tensor x = torch::ones({3}, kForeignDevice);
  EXPECT_EQ(x.sum().item<float>(), 3);
  EXPECT_DEATH(std::printf("%f", static_cast<double>(x.data_ptr<float>()[1])), "");
}

}  // namespace
}  // namespace hadal::train
