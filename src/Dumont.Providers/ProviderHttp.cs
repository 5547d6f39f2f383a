namespace Dumont.Providers;

/// <summary>The HTTP client that every provider expects. One may be shared by all of them: they put their credentials on each request.</summary>
public static class ProviderHttp
{
    /// <summary>A handler that follows no redirect (a redirect would carry a request, and perhaps a rental, to where nobody looked),
    /// keeps no cookie and renews connections often enough to see a DNS change.</summary>
    public static SocketsHttpHandler CreateHandler() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = System.Net.DecompressionMethods.All,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        MaxConnectionsPerServer = 32,
    };

    /// <summary>A client on <paramref name="handler"/>. It has no timeout of its own: each provider's option rules, on the injected clock.</summary>
    public static HttpClient CreateClient(HttpMessageHandler handler) => new(handler) { Timeout = Timeout.InfiniteTimeSpan };
}
