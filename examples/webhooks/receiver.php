<?php
/**
 * Receives webhook events, verifies them and prints them; needs PHP 8 or newer and nothing else.
 *
 *   WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:3000 receiver.php
 *
 * The secret is that of GET /user/webhook-secret. The signature is that of Standard Webhooks: an HMAC-SHA256 over
 * "<webhook-id>.<webhook-timestamp>.<body>". Answer 2xx only once the event is safely stored: any other response is retried.
 */

// An older event may be a recording that somebody sends again.
const TOLERANCE_SECONDS = 300;

function is_signed(array $headers, string $body, string $secret): bool
{
    [$id, $time] = [$headers['webhook-id'] ?? '', $headers['webhook-timestamp'] ?? ''];
    if (abs(time() - (int) $time) > TOLERANCE_SECONDS) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $entry) {
        if (hash_equals($expected, $entry)) {
            return true;
        }
    }
    return false;
}

$headers = array_change_key_case(getallheaders());
$body = file_get_contents('php://input');
if (!is_signed($headers, $body, getenv('WEBHOOK_SECRET') ?: '')) {
    http_response_code(401);
    return;
}
// The same event may arrive twice, always with the same id. A real receiver keeps these in its database.
$seen = sys_get_temp_dir() . '/waterspout-' . hash('sha256', getenv('WEBHOOK_SECRET') . $headers['webhook-id']);
if (@fopen($seen, 'x')) {
    fwrite(fopen('php://stdout', 'w'), $body . "\n");
}
http_response_code(204);
