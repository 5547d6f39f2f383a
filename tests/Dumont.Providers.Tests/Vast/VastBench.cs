using Dumont.Providers.Tests.Fakes;
using Dumont.Providers.Vast;

namespace Dumont.Providers.Tests.Vast;

/// <summary>A provider on a scripted network, with a key that must show up nowhere but in the header.</summary>
internal sealed class VastBench : IDisposable
{
    public const string Canary = "canary0a1b2c3d4e5f60718293a4b5c6d7e8f90";

    private readonly HttpClient _http;

    public VastBench(Func<SentRequest, HttpResponseMessage> answer, bool pace = false, TimeSpan? jump = null)
        : this((request, _) => Task.FromResult(answer(request)), pace, jump)
    {
    }

    public VastBench(Func<SentRequest, CancellationToken, Task<HttpResponseMessage>> answer, bool pace = false, TimeSpan? jump = null)
    {
        Time = new ManualTimeProvider(jump ?? TimeSpan.FromSeconds(9));
        Network = new ScriptedHandler(answer);
        _http = ProviderHttp.CreateClient(Network);
        var options = new VastOptions { BaseUrl = new Uri("https://vast.test/"), PaceRequests = pace };
        Provider = new VastProvider(_http, options, new Secret(Canary), Time, new Random(7));
    }

    public ManualTimeProvider Time { get; }

    public ScriptedHandler Network { get; }

    public VastProvider Provider { get; }

    /// <summary>A bench whose every answer is this one; account keys are in order.</summary>
    public static VastBench Answering(string json, int status = 200) => new(request => IsKeys(request) ? Keys(request) : ScriptedHandler.Json(json, status));

    public static bool IsKeys(SentRequest request) => request.Path.EndsWith("/ssh/", StringComparison.Ordinal);

    public static HttpResponseMessage Keys(SentRequest request) => request.Method == HttpMethod.Get
        ? ScriptedHandler.Json($$"""[{"id":1,"user_id":2,"public_key":"{{Operations.Key}}","created_at":1.5,"deleted_at":null}]""")
        : ScriptedHandler.Json("""{"success":true,"msg":"ok"}""");

    /// <summary>No request carries the key in its address or body, every one in its header.</summary>
    public void AssertKeyOnlyInHeader() => Assert.All(Network.Sent, request =>
    {
        Assert.Equal($"Bearer {Canary}", request.Authorization);
        Assert.DoesNotContain(Canary, request.Uri.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, request.Body ?? "", StringComparison.Ordinal);
    });

    public void Dispose()
    {
        Provider.Dispose();
        _http.Dispose();
        Network.Dispose();
    }
}
