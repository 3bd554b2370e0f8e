// A client of what gSOAP's wsdl2h and soapcpp2 generate from ONVIF's WSDLs; it reads strictly by the schemas.
// How it talks with scripts/interop: see steps.py.
#include <unistd.h>

#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>

#include "DeviceBinding.nsmap"
#include "soapH.h"
#include "wsaapi.h"
#include "wsseapi.h"

namespace {

const char *const DIGITS = "-0123456789.";
const unsigned PULLS = 20;

std::string job;

// Returns the value of a key of the job, which is flat but for velocity and has no escapes.
std::string told(const std::string &key) {
  auto begin = job.find("\"" + key + "\":");
  if (begin == std::string::npos) throw std::runtime_error("the job lacks " + key);
  begin = job.find_first_not_of(" :", begin + key.size() + 2);
  if (job[begin] == '"') return job.substr(begin + 1, job.find('"', begin + 1) - begin - 1);
  if (job.compare(begin, 4, "true") == 0) return "true";
  return job.substr(begin, job.find_first_not_of(DIGITS, begin) - begin);
}

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (const char one : text) {
    if (one == '"' || one == '\\') result += '\\';
    result += static_cast<unsigned char>(one) < ' ' ? ' ' : one;
  }
  return result + "\"";
}

struct Seen {
  std::string text, stream, snapshot;
};

void step(const std::string &name, const std::function<Seen()> &does) {
  std::string said = "{\"step\": " + quoted(name);
  try {
    const Seen seen = does();
    said += ", \"ok\": true, \"seen\": " + quoted(seen.text);
    if (!seen.stream.empty()) said += ", \"stream\": " + quoted(seen.stream);
    if (!seen.snapshot.empty()) said += ", \"snapshot\": " + quoted(seen.snapshot);
  } catch (const std::exception &error) {
    said += ", \"ok\": false, \"seen\": " + quoted(error.what());
  }
  std::cout << said << "}" << std::endl;
}

// One camera with one password.
class Camera {
 public:
  explicit Camera(const std::string &password) : password_(password) {
    soap_ = soap_new1(SOAP_XML_STRICT | SOAP_C_UTFSTRING);
    soap_set_imode(soap_, SOAP_DOM_TREE);
    soap_->recv_timeout = soap_->send_timeout = soap_->connect_timeout = 30;
    soap_register_plugin(soap_, soap_wsse);
    soap_register_plugin(soap_, soap_wsa);
  }
  ~Camera() {
    soap_destroy(soap_);
    soap_end(soap_);
    soap_free(soap_);
  }
  Camera(const Camera &) = delete;
  Camera &operator=(const Camera &) = delete;

  struct soap *soap() { return soap_; }

  // Calls an operation with a login; throws with the fault's words.
  template <typename Call, typename Request, typename Response>
  Response &call(Call does, const std::string &where, Request &request, Response &response, const char *action = nullptr) {
    soap_wsse_add_UsernameTokenDigest(soap_, nullptr, told("username").c_str(), password_.c_str());
    if (action != nullptr) soap_wsa_request(soap_, nullptr, where.c_str(), action);
    return without_login(does, where, request, response, action);
  }

  template <typename Call, typename Request, typename Response>
  Response &without_login(Call does, const std::string &where, Request &request, Response &response, const char *action = nullptr) {
    const int status = does(soap_, where.c_str(), action, &request, response);
    soap_->header = nullptr;
    if (status != SOAP_OK) {
      const char *subcode = soap_fault_subcode(soap_), *text = soap_fault_string(soap_), *detail = soap_fault_detail(soap_);
      throw std::runtime_error("error " + std::to_string(status) + " " + (subcode ? subcode : "") + ": " +
                               (text ? text : "") + " " + (detail ? detail : ""));
    }
    return response;
  }

 private:
  std::string password_;
  struct soap *soap_;
};

// Returns the first element of a local name below another, or nothing.
const soap_dom_element *find(const soap_dom_element *from, const std::string &local) {
  for (const soap_dom_element *one = from; one != nullptr; one = one->next) {
    const std::string name = one->name ? one->name : "";
    if (name.substr(name.find(':') + 1) == local) return one;
    if (const soap_dom_element *below = find(one->elts, local)) return below;
  }
  return nullptr;
}

std::string attribute(const soap_dom_element &element, const std::string &name) {
  for (const soap_dom_attribute *one = element.atts; one != nullptr; one = one->next)
    if (one->name && name == one->name) return one->text ? one->text : "";
  return "";
}

// The schema lets the topic's text be mixed with elements, so it is in a tree, too.
std::string topic_of(const wsnt__NotificationMessageHolderType &message) {
  return message.Topic && message.Topic->__any.text ? message.Topic->__any.text : "";
}

// Pulls until motion, or its end, is told by both topics.
void wait_for_motion(Camera &camera, const std::string &where, bool active) {
  bool alarm = false, cell = false;
  _tev__PullMessages pull;
  pull.Timeout = const_cast<char *>("PT5S");
  pull.MessageLimit = 100;
  const char *const action = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesRequest";
  for (unsigned pulls = 0; !(alarm && cell); pulls++) {
    if (pulls == PULLS) throw std::runtime_error(std::string("not told by both topics: motion ") + (active ? "true" : "false"));
    _tev__PullMessagesResponse pulled;
    camera.call(soap_call___tev__PullMessages, where, pull, pulled, action);
    for (const auto *message : pulled.wsnt__NotificationMessage) {
      const soap_dom_element *data = find(&message->Message.__any, "Data");
      const soap_dom_element *item = data ? find(data->elts, "SimpleItem") : nullptr;
      if (item == nullptr || attribute(*item, "Value") != (active ? "true" : "false")) continue;
      const std::string topic = topic_of(*message);
      alarm |= topic.find("VideoSource/MotionAlarm") != std::string::npos;
      cell |= topic.find("CellMotionDetector/Motion") != std::string::npos;
    }
  }
}

std::string follow_events(Camera &camera, const std::string &events) {
  std::string two_minutes = "PT2M";
  _tev__CreatePullPointSubscription create;
  create.InitialTerminationTime = &two_minutes;
  _tev__CreatePullPointSubscriptionResponse created;
  camera.call(soap_call___tev__CreatePullPointSubscription, events, create, created,
              "http://www.onvif.org/ver10/events/wsdl/EventPortType/CreatePullPointSubscriptionRequest");
  const std::string where = created.SubscriptionReference.Address;
  for (const bool active : {true, false}) {
    std::cout << "{\"ask\": \"motion\", \"active\": " << (active ? "true" : "false") << "}" << std::endl;
    wait_for_motion(camera, where, active);
  }
  _wsnt__Renew renew;
  renew.TerminationTime = &two_minutes;
  _wsnt__RenewResponse renewed;
  camera.call(soap_call___tev__Renew, where, renew, renewed,
              "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest");
  _wsnt__Unsubscribe unsubscribe;
  _wsnt__UnsubscribeResponse unsubscribed;
  camera.call(soap_call___tev__Unsubscribe, where, unsubscribe, unsubscribed,
              "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest");
  return "true and false by both topics, renewed";
}

Seen read_profiles(Camera &camera, const std::string &media, bool media2, std::string &token) {
  std::string encodings;
  if (media2) {
    _tr2__GetProfiles request;
    request.Type.push_back("All");
    _tr2__GetProfilesResponse response;
    for (const auto *one : camera.call(soap_call___tr2__GetProfiles, media, request, response).Profiles) {
      if (token.empty()) token = one->token;
      encodings += " " + one->Configurations->VideoEncoder->Encoding;
    }
  } else {
    _trt__GetProfiles request;
    _trt__GetProfilesResponse response;
    for (const auto *one : camera.call(soap_call___trt__GetProfiles, media, request, response).Profiles) {
      if (token.empty()) token = one->token;
      const auto encoding = one->VideoEncoderConfiguration->Encoding;
      encodings += std::string(" ") + soap_tt__VideoEncoding2s(camera.soap(), encoding);
    }
  }
  if (token.empty()) throw std::runtime_error("no profiles");
  return {token + ":" + encodings, "", ""};
}

Seen read_uris(Camera &camera, const std::string &media, bool media2, const std::string &token) {
  if (media2) {
    _tr2__GetStreamUri stream;
    stream.Protocol = "RTSP";
    stream.ProfileToken = token;
    _tr2__GetStreamUriResponse streamed;
    const std::string uri = camera.call(soap_call___tr2__GetStreamUri, media, stream, streamed).Uri;
    _tr2__GetSnapshotUri snapshot;
    snapshot.ProfileToken = token;
    _tr2__GetSnapshotUriResponse shot;
    return {uri, uri, camera.call(soap_call___tr2__GetSnapshotUri, media, snapshot, shot).Uri};
  }
  tt__Transport transport;
  transport.Protocol = tt__TransportProtocol__RTSP;
  tt__StreamSetup setup;
  setup.Stream = tt__StreamType__RTP_Unicast;
  setup.Transport = &transport;
  _trt__GetStreamUri stream;
  stream.StreamSetup = &setup;
  stream.ProfileToken = token;
  _trt__GetStreamUriResponse streamed;
  const std::string uri = camera.call(soap_call___trt__GetStreamUri, media, stream, streamed).MediaUri->Uri;
  _trt__GetSnapshotUri snapshot;
  snapshot.ProfileToken = token;
  _trt__GetSnapshotUriResponse shot;
  return {uri, uri, camera.call(soap_call___trt__GetSnapshotUri, media, snapshot, shot).MediaUri->Uri};
}

std::string move(Camera &camera, const std::string &ptz, const std::string &token) {
  tt__Vector2D velocity;
  velocity.x = std::stof(told("pan"));
  velocity.y = std::stof(told("tilt"));
  tt__PTZSpeed speed;
  speed.PanTilt = &velocity;
  _tptz__ContinuousMove request;
  request.ProfileToken = token;
  request.Velocity = &speed;
  _tptz__ContinuousMoveResponse response;
  camera.call(soap_call___tptz__ContinuousMove, ptz, request, response);
  usleep(500000);
  _tptz__Stop stop;
  stop.ProfileToken = token;
  _tptz__StopResponse stopped;
  camera.call(soap_call___tptz__Stop, ptz, stop, stopped);
  return "ContinuousMove, Stop";
}

}  // namespace

int main() {
  std::getline(std::cin, job);
  const std::string xaddr = told("xaddr");
  const bool media2 = told("media2") == "true";
  Camera camera(told("password"));
  std::string media, events, ptz, token;

  step("time", [&]() -> Seen {
    _tds__GetSystemDateAndTime request;
    _tds__GetSystemDateAndTimeResponse response;
    camera.without_login(soap_call___tds__GetSystemDateAndTime, xaddr, request, response);
    const auto *date = response.SystemDateAndTime->UTCDateTime->Date;
    return {std::to_string(date->Year) + "-" + std::to_string(date->Month) + "-" + std::to_string(date->Day), "", ""};
  });
  step("login", [&]() -> Seen {
    _tds__GetDeviceInformation request;
    _tds__GetDeviceInformationResponse response;
    return {camera.call(soap_call___tds__GetDeviceInformation, xaddr, request, response).SerialNumber, "", ""};
  });
  step("wrong", [&]() -> Seen {
    Camera stranger(told("wrong_password"));
    _tds__GetDeviceInformation request;
    _tds__GetDeviceInformationResponse response;
    try {
      stranger.call(soap_call___tds__GetDeviceInformation, xaddr, request, response);
    } catch (const std::runtime_error &error) {
      const std::string text = error.what();
      if (text.find("NotAuthorized") == std::string::npos) throw;
      return {text, "", ""};
    }
    throw std::runtime_error("not refused");
  });
  step("capabilities", [&]() -> Seen {
    _tds__GetCapabilities all;
    all.Category.push_back(tt__CapabilityCategory__All);
    _tds__GetCapabilitiesResponse capabilities;
    camera.call(soap_call___tds__GetCapabilities, xaddr, all, capabilities);
    _tds__GetServices request;
    request.IncludeCapability = true;
    _tds__GetServicesResponse response;
    for (const auto *one : camera.call(soap_call___tds__GetServices, xaddr, request, response).Service) {
      const std::string name = one->Namespace;
      if (name == (media2 ? "http://www.onvif.org/ver20/media/wsdl" : "http://www.onvif.org/ver10/media/wsdl")) media = one->XAddr;
      if (name == "http://www.onvif.org/ver10/events/wsdl") events = one->XAddr;
      if (name == "http://www.onvif.org/ver20/ptz/wsdl") ptz = one->XAddr;
    }
    if (ptz != capabilities.Capabilities->PTZ->XAddr || events != capabilities.Capabilities->Events->XAddr)
      throw std::runtime_error("GetServices and GetCapabilities differ");
    return {std::to_string(response.Service.size()) + " services", "", ""};
  });
  step("profiles", [&] { return read_profiles(camera, media, media2, token); });
  step("uris", [&] { return read_uris(camera, media, media2, token); });
  step("events", [&]() -> Seen { return {follow_events(camera, events), "", ""}; });
  step("ptz", [&]() -> Seen { return {move(camera, ptz, token), "", ""}; });
  return 0;
}
