#include "reference/hyper_connection.h"

#include <algorithm>

namespace hadal::reference {
namespace {

using Square = std::array<std::array<double, kStreams>, kStreams>;

Row Project(const HyperConnection& hc, const Row& f, double norm_eps, bool rms) {
  Row m = Product(hc.fn, f);
  const double r = rms ? 1 / std::sqrt(MeanOfSquares(f) + norm_eps) : 1;
  for (double& v : m) v *= r;
  return m;
}

Square Transposed(const Square& c) {
  Square t;
  for (std::size_t i = 0; i < kStreams; ++i)
    for (std::size_t j = 0; j < kStreams; ++j) t[j][i] = c[i][j];
  return t;
}

void DivideRows(Square* c, double eps) {
  for (auto& row : *c) {
    double sum = eps;
    for (double v : row) sum += v;
    for (double& v : row) v /= sum;
  }
}

void DivideColumns(Square* c, double eps) {
  *c = Transposed(*c);
  DivideRows(c, eps);
  *c = Transposed(*c);
}

Square Sinkhorn(Square c, std::size_t iterations, double eps) {
  for (auto& row : c) {
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& v : row) sum += v = std::exp(v - largest);
    for (double& v : row) v = v / sum + eps;
  }
  DivideColumns(&c, eps);
  for (std::size_t i = 1; i < iterations; ++i) {
    DivideRows(&c, eps);
    DivideColumns(&c, eps);
  }
  return c;
}

}  // namespace

Mixing Mix(const HyperConnection& hc, const Row& f, const Config& config, const Rules& rules) {
  const Row m = Project(hc, f, config.norm_eps, rules.hc_rms);
  Mixing mix;
  Square c;
  for (std::size_t j = 0; j < kStreams; ++j) {
    mix.pre[j] = Sigmoid(m[j] * hc.scale[0] + hc.base[j]) + (rules.eps_on_pre ? config.hc_eps : 0);
    mix.post[j] = rules.post_factor * Sigmoid(m[4 + j] * hc.scale[1] + hc.base[4 + j]);
    for (std::size_t i = 0; i < kStreams; ++i)
      c[i][j] = m[8 + 4 * i + j] * hc.scale[2] + hc.base[8 + 4 * i + j];
  }
  c = Sinkhorn(c, config.hc_iterations, config.hc_eps);
  mix.comb = rules.transpose_comb ? Transposed(c) : c;
  return mix;
}

Row ReduceStreams(const Row& f, const std::array<double, kStreams>& pre, const Rounding& round) {
  const std::size_t dim = f.size() / kStreams;
  Row y(dim);
  for (std::size_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (std::size_t j = 0; j < kStreams; ++j) sum += pre[j] * f[j * dim + d];
    y[d] = round(sum);
  }
  return y;
}

Row ExpandStreams(const Row& f, const Row& output, const Mixing& mix, const Rounding& round) {
  const std::size_t dim = output.size();
  Row out(f.size());
  for (std::size_t j = 0; j < kStreams; ++j)
    for (std::size_t d = 0; d < dim; ++d) {
      double sum = mix.post[j] * output[d];
      for (std::size_t i = 0; i < kStreams; ++i) sum += mix.comb[i][j] * f[i * dim + d];
      out[j * dim + d] = round(sum);
    }
  return out;
}

Row ReduceForHead(const HyperConnection& head, const Row& f, const Config& config,
                  const Rules& rules, const Rounding& round) {
  const Row m = Project(head, f, config.norm_eps, rules.hc_rms);
  std::array<double, kStreams> weight;
  for (std::size_t j = 0; j < kStreams; ++j)
    weight[j] =
        Sigmoid(m[j] * head.scale[0] + head.base[j]) + (rules.eps_on_head ? config.hc_eps : 0);
  return ReduceStreams(f, weight, round);
}

}  // namespace hadal::reference
