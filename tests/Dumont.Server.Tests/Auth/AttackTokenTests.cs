using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Dumont.Server.Auth;
using Dumont.Server.Platform.Security;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Auth;

/// <summary>Tokens that somebody made who should not get in. Each is also signed with the real key where that makes the attack stronger.</summary>
public sealed class AttackTokenTests
{
    [Fact]
    public async Task Token_Attack_IsRefused()
    {
        await using var server = await StartAsync();
        var good = (await server.RegisterAsync())["access_token"]!.GetValue<string>();
        using (var ana = server.WithBearer(good))
        {
            Assert.Equal(HttpStatusCode.OK, (await GetAsync(ana, "/api/v1/auth/me")).Status);
        }

        var attacks = Attacks(good, server.Get<MasterKey>()).DistinctBy(attack => attack.Token).ToList();
        Assert.True(attacks.Count >= 40, $"{attacks.Count} attacks");
        var reader = server.Get<JsonWebTokens>();
        foreach (var (name, token) in attacks)
        {
            Assert.True(reader.Read(token) is null, name);
            if (!Ascii.IsValid(token))
            {
                // No HTTP client sends it.
                continue;
            }

            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/auth/me");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
            using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, $"{name}: {response.StatusCode}");
        }
    }

    private static IEnumerable<(string Name, string Token)> Attacks(string good, MasterKey master)
    {
        var key = master.Derive("jwt");
        var parts = good.Split('.');
        var (header, payload, signature) = (parts[0], parts[1], parts[2]);
        var kid = Json(header)["kid"]!.GetValue<string>();

        foreach (var algorithm in (string[])["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256"])
        {
            var changed = Changed(header, "alg", algorithm);
            yield return ($"alg {algorithm}, no signature", $"{changed}.{payload}.");
            yield return ($"alg {algorithm}, real signature", Signed(key, changed, payload));
        }

        yield return ("alg HS512, signed so", Signed512(key, Changed(header, "alg", "HS512"), payload));
        yield return ("alg as list", Signed(key, Encoded("""{"alg":["HS256"],"typ":"JWT"}"""), payload));
        yield return ("alg twice", Signed(key, Encoded("""{"alg":"none","alg":"HS256","typ":"JWT","kid":"KID"}""".Replace("KID", kid)), payload));
        yield return ("no kid", Signed(key, Encoded("""{"alg":"HS256","typ":"JWT"}"""), payload));
        foreach (var foreign in (string[])["other", "../../../../dev/null", "' UNION SELECT 'k", "", "/dev/null"])
        {
            yield return ($"kid {foreign}", Signed(key, Changed(header, "kid", foreign), payload));
            yield return ($"kid {foreign}, empty key", Signed([], Changed(header, "kid", foreign), payload));
        }

        foreach (var member in (string[])["jwk", "jku", "x5u", "x5c", "crit", "b64", "cty", "zip"])
        {
            yield return ($"header {member}", Signed(key, Changed(header, member, "https://evil.example/key"), payload));
        }

        yield return ("typ at+jwt", Signed(key, Changed(header, "typ", "at+jwt"), payload));
        yield return ("members in another order", Signed(key, Encoded($$"""{"typ":"JWT","alg":"HS256","kid":"{{kid}}"}"""), payload));
        yield return ("space in the header", Signed(key, Encoded($$"""{"alg": "HS256","typ":"JWT","kid":"{{kid}}"}"""), payload));

        foreach (var (name, wrong) in ((string, byte[])[])
            [("empty key", []), ("zero key", new byte[32]), ("password", "secret"u8.ToArray()), ("master's other key", master.Derive("secrets")), ("kid as key", Encoding.ASCII.GetBytes(kid))])
        {
            yield return ($"signed with {name}", Signed(wrong, header, payload));
        }

        var now = DateTimeOffset.FromUnixTimeSeconds(Json(payload)["iat"]!.GetValue<long>());
        foreach (var (member, value) in ((string, JsonNode?)[])
        [
            ("exp", now.AddMinutes(-1).ToUnixTimeSeconds()), ("exp", 0), ("exp", -1), ("exp", "9999999999"), ("exp", null), ("exp", long.MaxValue),
            ("nbf", now.AddHours(1).ToUnixTimeSeconds()), ("nbf", null), ("iss", "somebody"), ("iss", null), ("iss", "DUMONT"), ("aud", "other-api"),
            ("aud", null), ("aud", new JsonArray("dumont-api")), ("jti", null), ("uid", "1"), ("uid", null), ("sid", null), ("uid", 1.5),
        ])
        {
            var claims = Json(payload);
            if (value is null)
            {
                claims.Remove(member);
            }
            else
            {
                claims[member] = value.DeepClone();
            }

            yield return ($"{member} = {value?.ToJsonString() ?? "missing"}, real key", Signed(key, header, Encoded(claims.ToJsonString())));
        }

        var twice = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(payload)).Replace("\"uid\":1", "\"uid\":1,\"uid\":2", StringComparison.Ordinal);
        yield return ("uid twice, real key", Signed(key, header, Encoded(twice)));
        yield return ("payload no JSON, real key", Signed(key, header, Encoded("hello")));
        yield return ("payload an array, real key", Signed(key, header, Encoded("[1]")));
        yield return ("payload too deep, real key", Signed(key, header, Encoded("""{"exp":{"a":{"b":1}}}""")));
        yield return ("payload of another user", $"{header}.{Changed(payload, "uid", 2)}.{signature}");
        yield return ("payload of an administrator", $"{header}.{Changed(payload, "role", "root")}.{signature}");
        yield return ("no signature", $"{header}.{payload}.");
        yield return ("no signature, no dot", $"{header}.{payload}");
        yield return ("signature cut", $"{header}.{payload}.{signature[..^1]}");
        yield return ("signature padded", $"{good}=");
        yield return ("signature in another spelling", $"{header}.{payload}.{signature[..^1]}{OtherSpelling(signature[^1])}");
        yield return ("signature with a letter more", $"{good}A");
        yield return ("signature first letter", $"{header}.{payload}.{(signature[0] == 'A' ? 'B' : 'A')}{signature[1..]}");
        yield return ("five parts", $"{good}.{payload}.{signature}");
        yield return ("a part before", $"x.{good}");
        yield return ("only the header", header);
        yield return ("header and dots", $"{header}..");
        yield return ("dots", "..");
        yield return ("quoted", $"\"{good}\"");
        yield return ("very long", header + "." + new string('A', 6000) + ".AAAA");
        yield return ("letters outside ASCII", $"{header}.{payload}é.{signature}");
        yield return ("refresh token's prefix", "dumont_rt_" + new string('a', 43));
        yield return ("API key of nobody", "dumont_sk_" + new string('a', 40));
        yield return ("API key's prefix", "dumont_sk_");
        yield return ("API key with SQL", "dumont_sk_' OR '1'='1");
        yield return ("API key too long", "dumont_sk_" + new string('a', 5000));
    }

    private static string OtherSpelling(char last)
    {
        // 32 bytes end with a letter whose two low bits mean nothing.
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return letters[letters.IndexOf(last) ^ 1].ToString();
    }

    private static JsonObject Json(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();

    private static string Changed(string part, string member, JsonNode value)
    {
        var json = Json(part);
        json[member] = value;
        return Encoded(json.ToJsonString());
    }

    private static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string Signed(byte[] key, string header, string payload) =>
        $"{header}.{payload}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"{header}.{payload}")))}";

    private static string Signed512(byte[] key, string header, string payload) =>
        $"{header}.{payload}.{Base64Url.EncodeToString(HMACSHA512.HashData(key, Encoding.ASCII.GetBytes($"{header}.{payload}")))}";
}
