using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Web;
using Dumont.Providers.Gcp;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

public sealed class GcpTokenTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Token_Asked_WithASignedAssertion()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json("""{"kind":"compute#zoneList"}"""));

        await bench.Provider.SearchOffersAsync(new OfferQuery(), Cancel);

        var asked = Assert.Single(bench.Network.Sent, GcpBench.IsToken);
        Assert.Equal(("https://oauth2.googleapis.com/token", null), (asked.Uri.ToString(), asked.Authorization));
        var form = HttpUtility.ParseQueryString(asked.Body!);
        Assert.Equal("urn:ietf:params:oauth:grant-type:jwt-bearer", form["grant_type"]);
        var parts = form["assertion"]!.Split('.');
        Assert.True(GcpBench.Key.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        var header = JsonElement.Parse(Base64Url.DecodeFromChars(parts[0]));
        Assert.Equal(("RS256", "kid-1"), (header.GetProperty("alg").GetString(), header.GetProperty("kid").GetString()));
        var claims = JsonElement.Parse(Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal("dumont@proj-1.iam.gserviceaccount.com", claims.GetProperty("iss").GetString());
        Assert.Equal("https://oauth2.googleapis.com/token", claims.GetProperty("aud").GetString());
        Assert.Equal(3600, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
    }

    [Fact]
    public async Task Token_Kept_UntilAMinuteBeforeItsEnd()
    {
        using var bench = new GcpBench(_ => ScriptedHandler.Json("""{"kind":"compute#zoneList"}"""));
        int Asked() => bench.Network.Sent.Count(GcpBench.IsToken);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => bench.Provider.ListAsync(Cancel)));
        Assert.Equal(1, Asked());
        bench.Time.Advance(TimeSpan.FromSeconds(3538));
        await bench.Provider.ListAsync(Cancel);
        Assert.Equal(1, Asked());
        bench.Time.Advance(TimeSpan.FromSeconds(2));
        await bench.Provider.ListAsync(Cancel);
        Assert.Equal(2, Asked());
    }

    [Fact]
    public async Task Token_RefusedByCompute_IsRenewedOnceEvenForAnEffect()
    {
        var calls = 0;
        using var bench = new GcpBench(_ => ++calls == 1
            ? ScriptedHandler.Json(GcpBench.Error(401, "authError", "expired"), 401)
            : ScriptedHandler.Json(GcpBench.Operation()));

        Assert.IsType<EffectResult.Done>(await bench.Provider.StopAsync("us-west4-a/dumont-srv-12-3", Cancel));
        Assert.Equal((2, 2), (bench.Sent.Count, bench.Network.Sent.Count(GcpBench.IsToken)));
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest")]
    [InlineData("https://evil.example/token")]
    [InlineData("http://oauth2.googleapis.com/token")]
    [InlineData("https://oauth2.googleapis.com.evil.example/token")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://127.0.0.1:9/token")]
    public void KeyFile_PointsElsewhere_IsRefused(string tokenUri)
    {
        using var http = new HttpClient();

        Assert.Throws<FormatException>(() => new GcpProvider(http, new GcpOptions(), new Secret(GcpBench.KeyFile(tokenUri)), TimeProvider.System, new Random(1)));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("""{"client_email":"a@b"}""")]
    [InlineData("""{"client_email":"a@b","private_key":"canary"}""")]
    public void KeyFile_Broken_SaysWhatAndNothingOfIt(string json)
    {
        var error = Assert.Throws<FormatException>(() => GcpServiceAccount.Parse(new Secret(json)));
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_Wrong_StopTheStart()
    {
        using var http = new HttpClient();
        GcpProvider Open(GcpOptions options) => new(http, options, new Secret(GcpBench.KeyFile()), TimeProvider.System, new Random(1));

        Assert.Throws<ArgumentException>(() => Open(new GcpOptions { MachineType = "z9-huge" }));
        Assert.Throws<ArgumentException>(() => Open(new GcpOptions { ProjectId = "../evil" }));
    }
}
