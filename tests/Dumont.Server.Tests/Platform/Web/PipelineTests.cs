using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Platform.Web;

public sealed partial class PipelineTests
{
    // What anybody may call. Everything else asks who calls; a new entry here is a decision.
    private static readonly HashSet<string> Public =
    [
        "GET /", "GET /health", "GET /docs", "GET /redoc", "GET /openapi.json", "GET {api}/openapi.json", "GET {api}/health", "POST {api}/auth/login",
        "POST {api}/auth/register", "POST {api}/auth/refresh", "GET {api}/instances/offers",
        "GET /sign-in", "POST /sign-in", "GET /sign-up", "POST /sign-up", "POST /sign-out", "POST /preferences", "GET /assets/{file}",
        // Asks for a machine's token instead.
        "GET {api}/agent/link",
        "GET {api}/agent/repositories/{id:long}/objects", "GET {api}/agent/repositories/{id:long}/objects/{**name}",
        "PUT {api}/agent/repositories/{id:long}/objects/{**name}", "DELETE {api}/agent/repositories/{id:long}/objects/{**name}",
        "GET {api}/agent/repositories/{id:long}/restic/{**path}", "POST {api}/agent/repositories/{id:long}/restic/{**path}",
        "DELETE {api}/agent/repositories/{id:long}/restic/{**path}",
    ];

    [Fact]
    public async Task Routes_All_AskForACallerUnlessListedPublic()
    {
        await using var server = await StartAsync();
        var seen = new HashSet<string>();
        foreach (var endpoint in Endpoints(server))
        {
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                var pattern = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
                var name = $"{method} {BaseOf().Replace(pattern, "{api}")}";
                var isPublic = endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;
                Assert.True(isPublic == Public.Contains(name), $"{name} is {(isPublic ? "" : "not ")}public");
                seen.Add(name);

                using var request = new HttpRequestMessage(new HttpMethod(method), ParameterOf().Replace(pattern, "1"));
                using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
                if (!isPublic)
                {
                    Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, $"{name}: {response.StatusCode}");
                }
            }
        }

        Assert.Empty(Public.Except(seen));
    }

    [Fact]
    public async Task Routes_OfTheApi_AreServedUnderBothBases()
    {
        await using var server = await StartAsync();
        var patterns = Endpoints(server)
            .Select(endpoint => string.Join(',', endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []) + endpoint.RoutePattern.RawText).ToHashSet();

        var versioned = patterns.Where(pattern => pattern.Contains("/api/v1/", StringComparison.Ordinal)).ToHashSet();
        var plain = patterns.Where(pattern => pattern.Contains("/api/", StringComparison.Ordinal)).Except(versioned).ToHashSet();
        Assert.Equal(versioned.Select(pattern => pattern.Replace("/api/v1/", "/api/", StringComparison.Ordinal)).Order(), plain.Order());
    }

    [Fact]
    public async Task RequestTypes_All_ArePublicSoThatValidationSeesThem()
    {
        await using var server = await StartAsync();
        var types =
            from endpoint in Endpoints(server)
            let body = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType
            let parameters = endpoint.Metadata.GetOrderedMetadata<IParameterBindingMetadata>().Select(binding => binding.ParameterInfo.Member.DeclaringType)
            from type in parameters.Append(body)
            where type is not null && type.Name.EndsWith("Parameters", StringComparison.Ordinal) | type == body
            select type;

        Assert.NotEmpty(types);
        Assert.All(types.Distinct(), type => Assert.True(type.IsVisible, $"{type} must be public, or it is not validated."));
    }

    [Theory]
    [InlineData("GET", "/nothing", 404, "not-found")]
    [InlineData("GET", "/api/v1/nonexistent", 404, "not-found")]
    [InlineData("GET", "/api/v1/", 404, "not-found")]
    [InlineData("DELETE", "/api/v1/settings/ssh-keys/abc", 404, "not-found")]
    [InlineData("GET", "/api/v1/instances/offers?gpu_name=a%00b", 400, "bad-request")]
    [InlineData("DELETE", "/api/v1/auth/login", 405, "method-not-allowed")]
    [InlineData("POST", "/api/v1/settings", 405, "method-not-allowed")]
    [InlineData("GET", "/api/v1/settings", 401, "unauthorized")]
    [InlineData("GET", "/api/v1/settings/", 401, "unauthorized")]
    [InlineData("POST", "/api/v1/auth/login", 422, "validation-failed")]
    public async Task Refusal_WithoutToken_IsAProblem(string method, string path, int status, string code)
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        await AssertProblemAsync(server.Client, request, status, code);
    }

    [Theory]
    [InlineData("{", "application/json", 400, "malformed-body")]
    [InlineData("""{"username":"a","password":"b",}""", "application/json", 400, "malformed-body")]
    [InlineData("username=a", "application/x-www-form-urlencoded", 415, "unsupported-media-type")]
    [InlineData("{}", "text/plain", 415, "unsupported-media-type")]
    [InlineData("{}", "application/json", 422, "validation-failed")]
    [InlineData("[1]", "application/json", 422, "validation-failed")]
    public async Task Refusal_OfABody_IsAProblem(string body, string contentType, int status, string code)
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/auth/login") { Content = new StringContent(body, Encoding.UTF8, contentType) };
        await AssertProblemAsync(server.Client, request, status, code);
    }

    [Fact]
    public async Task Body_OverOneMiB_Answers413()
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/auth/login")
        {
            Content = new StringContent($$"""{"username":"{{new string('a', 1 << 20)}}","password":"b"}""", Encoding.UTF8, "application/json"),
        };

        // Else the client may still be sending when the server has answered and closed.
        request.Headers.ExpectContinue = true;
        await AssertProblemAsync(server.Client, request, 413, "body-too-large");
    }

    [Fact]
    public async Task Body_Nested_IsTakenTo32LevelsOnly()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", Nested(20))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(ana, HttpMethod.Put, "/api/v1/settings", Nested(40))).Status);

        static string Nested(int depth) => $$"""{"a":{{new string('[', depth)}}{{new string(']', depth)}}}""";
    }

    [Fact]
    public async Task Head_OnAGetRoute_AnswersItsHeadersWithoutABody()
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, "/health");
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(server.Client, "/health")).Status);
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/nothing")]
    [InlineData("/api/v1/settings")]
    public async Task Answer_Any_HasTheCommonHeaders(string path)
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Request-Id", "mine-1");
        request.Headers.Add("Origin", "https://evil.example");
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal("mine-1", Header(response, "X-Request-Id"));
        Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
        Assert.Equal("no-referrer", Header(response, "Referrer-Policy"));
        Assert.Contains("frame-ancestors 'none'", Header(response, "Content-Security-Policy"), StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("a\tb")]
    [InlineData("<script>")]
    [InlineData("")]
    public async Task RequestId_NotOneOfOurs_IsReplaced(string id)
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health");
        request.Headers.TryAddWithoutValidation("X-Request-Id", id);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.NotEqual(id, Header(response, "X-Request-Id"));
    }

    [Fact]
    public async Task Exception_OfOurs_Answers500WithoutItsText()
    {
        await using var server = await StartAsync(null, null, app => app.MapGet("/test/throws", Throw).AllowAnonymous());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/test/throws");
        var body = await AssertProblemAsync(server.Client, request, 500, "internal");
        Assert.DoesNotContain("inner secret", body.ToJsonString(), StringComparison.Ordinal);

        static string Throw() => throw new InvalidOperationException("inner secret");
    }

    [Fact]
    public async Task Validation_MissingConstructorParameters_NamesThem()
    {
        await using var server = await StartAsync(null, null, app => app.MapPost("/test/strict", (Strict strict) => strict).AllowAnonymous());
        var (status, body) = await PostAsync(server.Client, "/test/strict", "{}");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Equal(["disk_size", "gpu_name"], body!["detail"]!.AsArray().Select(error => error!["loc"]![1]!.GetValue<string>()).Order());
    }

    [Theory]
    [InlineData("0.0.0.0", "false", false)]
    [InlineData("0.0.0.0", "true", true)]
    [InlineData("127.0.0.1", "false", true)]
    [InlineData("::1", "false", true)]
    [InlineData("nowhere", "true", false)]
    public async Task Bind_PublicAddress_NeedsToBeMeant(string address, string allowed, bool starts)
    {
        string[] settings = [$"Server:BindAddress={address}", $"Server:AllowPublicBind={allowed}"];
        if (starts)
        {
            await using var server = await StartAsync(settings);
            return;
        }

        await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(settings));
    }

    public sealed record Strict(string GpuName, int DiskSize);

    private static IEnumerable<RouteEndpoint> Endpoints(TestServer server) => server.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    private static string Header(HttpResponseMessage response, string name) => Assert.Single(response.Headers.GetValues(name));

    private static async Task<JsonNode> AssertProblemAsync(HttpClient client, HttpRequestMessage request, int status, string code)
    {
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var body = JsonNode.Parse(text)!;
        Assert.Equal(code, body["code"]!.GetValue<string>());
        Assert.Equal(status, body["status"]!.GetValue<int>());
        foreach (var member in (string[])["type", "title", "error", "hint", "instance", "request_id"])
        {
            Assert.False(string.IsNullOrEmpty(body[member]!.GetValue<string>()), member);
        }

        if (code == "validation-failed")
        {
            Assert.NotEmpty(body["detail"]!.AsArray());
            Assert.Equal(body["detail"]!.ToJsonString(), body["details"]!.ToJsonString());
            Assert.All(body["detail"]!.AsArray(), error => Assert.True(error!["loc"] is JsonArray && error["msg"] is not null && error["type"] is not null));
        }
        else
        {
            Assert.False(string.IsNullOrEmpty(body["detail"]!.GetValue<string>()));
        }

        return body;
    }

    [GeneratedRegex("^/api(/v1)?(?=/)")]
    private static partial Regex BaseOf();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex ParameterOf();
}
