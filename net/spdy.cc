#include "net/spdy.h"

#include <algorithm>

#include "net/big_endian.h"
#include "net/spdy_headers.h"

namespace spillway::net {
namespace {

using internal::AppendBigEndian;
using internal::BigEndianAt;

constexpr std::size_t kHeadSize = 8;
constexpr std::size_t kDataSize = 64u << 10;  // of the frames we send
constexpr std::uint8_t kFin = 1, kUnidirectional = 2;
constexpr std::uint16_t kSynStream = 1, kSynReply = 2, kRstStream = 3, kPing = 6, kGoAway = 7, kHeaders = 8;
constexpr std::uint32_t kControlBit = 0x80000000, kVersion = 3;
constexpr std::size_t kMaxOutput = 1u << 20;  // of answers to what a client sends

SpdyEvent EventOf(SpdyEvent::Kind kind, SpdyStreamId stream) { return {kind, stream, {}, {}}; }

}  // namespace

std::string_view SpdyEvent::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

SpdySession::SpdySession(SpdyLimits limits) : limits_(limits), codec_(std::make_unique<internal::SpdyHeaderCodec>()) {}
SpdySession::~SpdySession() = default;

bool SpdySession::Violation() {
  is_broken_ = true;
  std::string payload;
  AppendBigEndian(payload, last_opened_);
  AppendBigEndian(payload, 1);  // PROTOCOL_ERROR
  PutControl(kGoAway, 0, payload);
  streams_.clear();
  buffer_.clear();
  return false;
}

bool SpdySession::Feed(std::string_view bytes, std::vector<SpdyEvent>& events) {
  while (!is_broken_ && !bytes.empty()) {
    if (in_data_) {
      const std::string_view piece = bytes.substr(0, data_left_);
      bytes.remove_prefix(piece.size());
      data_left_ -= piece.size();
      OnData(piece, events);
      if (data_left_ == 0) EndData(events);
      continue;
    }
    std::size_t wanted = kHeadSize;
    if (buffer_.size() >= kHeadSize) wanted += BigEndianAt(buffer_, 4) & 0xffffff;
    const std::string_view piece = bytes.substr(0, wanted - buffer_.size());
    buffer_ += piece;
    bytes.remove_prefix(piece.size());
    if (buffer_.size() < wanted) continue;
    if ((BigEndianAt(buffer_, 0) & kControlBit) == 0) {
      if (!BeginData()) return Violation();
      if (data_left_ == 0) EndData(events);
      continue;
    }
    const std::size_t size = BigEndianAt(buffer_, 4) & 0xffffff;
    if (size > limits_.control_frame) return Violation();
    if (buffer_.size() < kHeadSize + size) continue;
    if (!OnControlFrame(events)) return Violation();
    buffer_.clear();
    if (output_.size() > kMaxOutput) return Violation();
  }
  return !is_broken_;
}

bool SpdySession::BeginData() {
  data_stream_ = BigEndianAt(buffer_, 0);
  const std::uint32_t word = BigEndianAt(buffer_, 4);
  buffer_.clear();
  data_left_ = word & 0xffffff;
  data_is_last_ = (word >> 24 & kFin) != 0;
  in_data_ = true;
  return data_stream_ != 0;
}

void SpdySession::OnData(std::string_view bytes, std::vector<SpdyEvent>& events) {
  const auto found = streams_.find(data_stream_);
  if (found == streams_.end() || found->second.remote_finished || bytes.empty()) return;
  SpdyEvent event = EventOf(SpdyEvent::Kind::kData, data_stream_);
  event.bytes = bytes;
  events.push_back(std::move(event));
}

void SpdySession::EndData(std::vector<SpdyEvent>& events) {
  in_data_ = false;
  const auto found = streams_.find(data_stream_);
  if (!data_is_last_ || found == streams_.end() || found->second.remote_finished) return;
  found->second.remote_finished = true;
  events.push_back(EventOf(SpdyEvent::Kind::kFinished, data_stream_));
  Forget(data_stream_);
}

bool SpdySession::OnControlFrame(std::vector<SpdyEvent>& events) {
  const std::uint32_t word = BigEndianAt(buffer_, 0);
  const auto flags = static_cast<std::uint8_t>(BigEndianAt(buffer_, 4) >> 24);
  const std::string_view payload = std::string_view(buffer_).substr(kHeadSize);
  if ((word >> 16 & 0x7fff) != kVersion) return false;
  switch (word & 0xffff) {
    case kSynStream:
      return OnSynStream(payload, flags, events);
    case kSynReply:
    case kHeaders:
      return OnHeaders(payload);
    case kRstStream:
      if (payload.size() != 8) return false;
      OnRstStream(payload, events);
      return true;
    case kPing:
      if (payload.size() != 4) return false;
      if (BigEndianAt(payload, 0) % 2 == 1) PutControl(kPing, 0, payload);  // theirs
      return true;
    case kGoAway:
      events.push_back(EventOf(SpdyEvent::Kind::kGoAway, 0));
      return true;
    default:
      return true;  // settings, windows, what we do not know
  }
}

bool SpdySession::OnSynStream(std::string_view payload, std::uint8_t flags, std::vector<SpdyEvent>& events) {
  constexpr std::size_t kFixed = 10;
  if (payload.size() < kFixed) return false;
  const SpdyStreamId id = BigEndianAt(payload, 0) & ~kControlBit;
  // Read in any case: the next block needs it.
  auto headers = codec_->Decode(payload.substr(kFixed), limits_.header_block, limits_.headers);
  if (!headers || id % 2 == 0 || id <= last_opened_) return false;
  last_opened_ = id;
  if (streams_.size() >= limits_.streams) {
    PutReset(id, SpdyResetStatus::kRefusedStream);
    return true;
  }
  Stream& stream = streams_[id];
  stream.remote_finished = (flags & kFin) != 0;
  stream.local_finished = (flags & kUnidirectional) != 0;
  SpdyEvent opened = EventOf(SpdyEvent::Kind::kOpened, id);
  opened.headers = std::move(*headers);
  events.push_back(std::move(opened));
  if (stream.remote_finished) events.push_back(EventOf(SpdyEvent::Kind::kFinished, id));
  Forget(id);
  return true;
}

bool SpdySession::OnHeaders(std::string_view payload) {
  if (payload.size() < 4) return false;
  return codec_->Decode(payload.substr(4), limits_.header_block, limits_.headers).has_value();
}

void SpdySession::OnRstStream(std::string_view payload, std::vector<SpdyEvent>& events) {
  const SpdyStreamId id = BigEndianAt(payload, 0) & ~kControlBit;
  if (streams_.erase(id) > 0) events.push_back(EventOf(SpdyEvent::Kind::kReset, id));
}

void SpdySession::Forget(SpdyStreamId stream) {
  const auto found = streams_.find(stream);
  if (found != streams_.end() && found->second.local_finished && found->second.remote_finished) streams_.erase(found);
}

void SpdySession::PutControl(std::uint16_t type, std::uint8_t flags, std::string_view payload) {
  AppendBigEndian(output_, kControlBit | kVersion << 16 | type);
  AppendBigEndian(output_, static_cast<std::uint32_t>(flags) << 24 | static_cast<std::uint32_t>(payload.size()));
  output_ += payload;
}

void SpdySession::PutReset(SpdyStreamId stream, SpdyResetStatus status) {
  std::string payload;
  AppendBigEndian(payload, stream);
  AppendBigEndian(payload, static_cast<std::uint32_t>(status));
  PutControl(kRstStream, 0, payload);
}

void SpdySession::Accept(SpdyStreamId stream) {
  if (!streams_.contains(stream)) return;
  std::string payload;
  AppendBigEndian(payload, stream);
  payload += codec_->Encode({});
  PutControl(kSynReply, 0, payload);
}

void SpdySession::Send(SpdyStreamId stream, std::string_view bytes) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.local_finished) return;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kDataSize);
    AppendBigEndian(output_, stream);
    AppendBigEndian(output_, static_cast<std::uint32_t>(piece.size()));
    output_ += piece;
    bytes.remove_prefix(piece.size());
  }
}

void SpdySession::Finish(SpdyStreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.local_finished) return;
  AppendBigEndian(output_, stream);
  AppendBigEndian(output_, std::uint32_t{kFin} << 24);
  found->second.local_finished = true;
  Forget(stream);
}

void SpdySession::Reset(SpdyStreamId stream, SpdyResetStatus status) {
  if (streams_.erase(stream) > 0) PutReset(stream, status);
}

void SpdySession::GoAway() {
  std::string payload;
  AppendBigEndian(payload, last_opened_);
  AppendBigEndian(payload, 0);
  PutControl(kGoAway, 0, payload);
}

}  // namespace spillway::net
