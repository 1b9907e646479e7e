#include "kernels/hyper_connection.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/rms_norm.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

using Square = double[kStreams][kStreams];

double Sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

void SoftmaxRows(Square& c, double eps) {
  for (auto& row : c) {
    const double top = *std::max_element(row, row + kStreams);
    double sum = 0;
    for (double& v : row) sum += v = std::exp(v - top);
    for (double& v : row) v = v / sum + eps;
  }
}

void NormaliseRows(Square& c, double eps) {
  for (auto& row : c) {
    const double factor = 1 / (row[0] + row[1] + row[2] + row[3] + eps);
    for (double& v : row) v *= factor;
  }
}

void NormaliseColumns(Square& c, double eps) {
  for (std::size_t j = 0; j < kStreams; ++j) {
    const double factor = 1 / (c[0][j] + c[1][j] + c[2][j] + c[3][j] + eps);
    for (auto& row : c) row[j] *= factor;
  }
}

// Plain C++ multiplies and adds; the vector code does the same, so all give the same bits.
void HcReducePlain(View2<const float> streams, const float* weights, std::span<float> y) {
  for (std::size_t d = 0; d < y.size(); ++d) {
    float sum = weights[0] * streams.data()[d];
    for (std::size_t j = 1; j < kStreams; ++j)
      sum += weights[j] * streams.data()[j * streams.stride() + d];
    y[d] = sum;
  }
}

void HcExpandPlain(const HcWeights& weights, std::span<const float> out, View2<float> streams) {
  for (std::size_t d = 0; d < out.size(); ++d) {
    float x[kStreams];
    for (std::size_t i = 0; i < kStreams; ++i) x[i] = streams.data()[i * streams.stride() + d];
    for (std::size_t j = 0; j < kStreams; ++j) {
      float sum = weights.post[j] * out[d];
      for (std::size_t i = 0; i < kStreams; ++i) sum += weights.comb[i][j] * x[i];
      streams.data()[j * streams.stride() + d] = sum;
    }
  }
}

}  // namespace

HcWeights HcSplit(std::span<const float> mixes, std::span<const float> scale,
                  std::span<const float> base, std::size_t iterations, float eps) {
  HADAL_CHECK(mixes.size() == kHcMixes && base.size() == kHcMixes && scale.size() == 3);
  const auto logit = [&](std::size_t i, std::size_t group) {
    return double{mixes[i]} * double{scale[group]} + double{base[i]};
  };
  HcWeights weights;
  Square comb;
  for (std::size_t j = 0; j < kStreams; ++j) {
    weights.pre[j] = static_cast<float>(Sigmoid(logit(j, 0)) + double{eps});
    weights.post[j] = static_cast<float>(2 * Sigmoid(logit(kStreams + j, 1)));
    for (std::size_t k = 0; k < kStreams; ++k)
      comb[j][k] = logit(2 * kStreams + kStreams * j + k, 2);
  }
  SoftmaxRows(comb, eps);
  NormaliseColumns(comb, eps);
  for (std::size_t i = 1; i < iterations; ++i) {
    NormaliseRows(comb, eps);
    NormaliseColumns(comb, eps);
  }
  for (std::size_t i = 0; i < kStreams; ++i)
    for (std::size_t j = 0; j < kStreams; ++j) weights.comb[i][j] = static_cast<float>(comb[i][j]);
  return weights;
}

void HcHeadWeights(std::span<const float> mixes, float scale, std::span<const float> base,
                   float eps, std::span<float> weights) {
  HADAL_CHECK(mixes.size() == weights.size() && base.size() == weights.size());
  for (std::size_t j = 0; j < weights.size(); ++j)
    weights[j] = static_cast<float>(Sigmoid(double{mixes[j]} * double{scale} + double{base[j]}) +
                                    double{eps});
}

namespace ref {

void HcReduce(View2<const float> streams, std::span<const float> weights, std::span<float> y) {
  for (std::size_t d = 0; d < y.size(); ++d) {
    double sum = 0;
    for (std::size_t j = 0; j < kStreams; ++j) sum += double{weights[j]} * double{streams[j][d]};
    y[d] = static_cast<float>(sum);
  }
}

void HcExpand(const HcWeights& weights, std::span<const float> sublayer_out, View2<float> streams) {
  for (std::size_t d = 0; d < sublayer_out.size(); ++d) {
    double mixed[kStreams];
    for (std::size_t j = 0; j < kStreams; ++j) {
      mixed[j] = double{weights.post[j]} * double{sublayer_out[d]};
      for (std::size_t i = 0; i < kStreams; ++i)
        mixed[j] += double{weights.comb[i][j]} * double{streams[i][d]};
    }
    for (std::size_t j = 0; j < kStreams; ++j) streams[j][d] = static_cast<float>(mixed[j]);
  }
}

}  // namespace ref

void HcReduce(View2<const float> streams, std::span<const float> weights, std::span<float> y) {
  HADAL_CHECK(streams.rows() == kStreams && weights.size() == kStreams);
  HADAL_CHECK(streams.cols() == y.size());
  const auto simd = HADAL_ACTIVE(HcReduce);
  if (simd == nullptr) return HcReducePlain(streams, weights.data(), y);
  simd(streams.data(), streams.stride(), weights.data(), y.data(), y.size());
}

void HcExpand(const HcWeights& weights, std::span<const float> sublayer_out, View2<float> streams) {
  HADAL_CHECK(streams.rows() == kStreams && streams.cols() == sublayer_out.size());
  const auto simd = HADAL_ACTIVE(HcExpand);
  if (simd == nullptr) return HcExpandPlain(weights, sublayer_out, streams);
  simd(weights.post, weights.comb[0], sublayer_out.data(), streams.data(), streams.stride(),
       sublayer_out.size());
}

namespace {

static_assert(sizeof(HcWeights) == kHcMixes * sizeof(float));

View2<const float> StreamsOf(std::span<const float> row) {
  return {row.data(), kStreams, row.size() / kStreams};
}

void ScaleBy(float factor, std::span<float> values) {
  for (float& v : values) v *= factor;
}

}  // namespace

void HcReduce(View2<const float> streams, const HcParameters& parameters, View2<float> mixes,
              View2<float> weights, View2<float> y, Threads& threads) {
  HADAL_CHECK(weights.rows() == streams.rows() && weights.cols() == kHcMixes);
  HADAL_CHECK(mixes.rows() == streams.rows() && y.rows() == streams.rows());
  ShareRows(streams.rows(), streams.cols(), kExponents, threads, [&](std::size_t t) {
    ScaleBy(RmsScale(streams[t], parameters.norm_eps), mixes[t]);
    const HcWeights row =
        HcSplit(mixes[t], parameters.scale, parameters.base, parameters.iterations, parameters.eps);
    std::memcpy(weights[t].data(), &row, sizeof(row));
    HcReduce(StreamsOf(streams[t]), row.pre, y[t]);
  });
}

void HcExpand(View2<const float> weights, View2<const float> sublayer_out, View2<float> streams,
              Threads& threads) {
  HADAL_CHECK(weights.rows() == streams.rows() && weights.cols() == kHcMixes);
  HADAL_CHECK(sublayer_out.rows() == streams.rows());
  ShareRows(streams.rows(), streams.cols(), kNorming, threads, [&](std::size_t t) {
    HcWeights row;
    std::memcpy(&row, weights[t].data(), sizeof(row));
    HcExpand(row, sublayer_out[t], {streams[t].data(), kStreams, streams.cols() / kStreams});
  });
}

void HcHeadReduce(View2<const float> streams, const HcHeadParameters& parameters,
                  View2<float> mixes, View2<float> y, Threads& threads) {
  HADAL_CHECK(mixes.rows() == streams.rows() && mixes.cols() == kStreams);
  HADAL_CHECK(y.rows() == streams.rows());
  ShareRows(streams.rows(), streams.cols(), kNorming, threads, [&](std::size_t t) {
    ScaleBy(RmsScale(streams[t], parameters.norm_eps), mixes[t]);
    float weights[kStreams];
    HcHeadWeights(mixes[t], parameters.scale, parameters.base, parameters.eps, weights);
    HcReduce(StreamsOf(streams[t]), weights, y[t]);
  });
}

}  // namespace hadal::kernels
