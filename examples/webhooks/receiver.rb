# Receives webhook events, verifies them and prints them; needs Ruby 2.7 or newer and nothing else.
#
#   WEBHOOK_SECRET=whsec_… PORT=3000 ruby receiver.rb
#
# The secret is that of GET /user/webhook-secret. The signature is that of Standard Webhooks: an HMAC-SHA256 over
# "<webhook-id>.<webhook-timestamp>.<body>". Answer 2xx only once the event is safely stored: any other response is retried.
require "openssl"
require "socket"

KEY = ENV.fetch("WEBHOOK_SECRET", "").delete_prefix("whsec_").unpack1("m")
# An older event may be a recording that somebody sends again.
TOLERANCE_SECONDS = 300
# The same event may arrive twice, always with the same id. A real receiver keeps these in its database.
SEEN = {}

def signed?(headers, body)
  id, time = headers.values_at("webhook-id", "webhook-timestamp")
  return false if (Time.now.to_i - time.to_i).abs > TOLERANCE_SECONDS
  expected = "v1," + [OpenSSL::HMAC.digest("SHA256", KEY, "#{id}.#{time}.#{body}")].pack("m0")
  headers.fetch("webhook-signature", "").split.any? { |entry| OpenSSL.secure_compare(expected, entry) }
end

# Without a gem there is no web server; a real receiver uses its framework's.
def read_request(client)
  client.gets
  headers = {}
  while (line = client.gets.to_s.chomp) != ""
    name, value = line.split(": ", 2)
    headers[name.downcase] = value
  end
  [headers, client.read(headers.fetch("content-length", "0").to_i)]
end

server = TCPServer.new("127.0.0.1", ENV.fetch("PORT", "3000").to_i)
$stdout.sync = true
warn "listening on port #{server.addr[1]}"
loop do
  Thread.new(server.accept) do |client|
    headers, body = read_request(client)
    if signed?(headers, body)
      puts body unless SEEN.key?(headers["webhook-id"])
      SEEN[headers["webhook-id"]] = true
      client.write "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    else
      client.write "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    end
    client.close
  end
end
