using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dumont.Server.Platform.Security;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Proof that a form came from a page of ours: an HMAC over the session, or before signing in over a random cookie. Another site can make a
/// browser send the cookies, but cannot read the page that has the token. Nothing is stored, and a token outlives a restart.</summary>
internal sealed class FormTokens(MasterKey master)
{
    /// <summary>Name of the form's field.</summary>
    public const string Field = "form_token";

    private const string VisitorCookie = "dumont_visitor";
    private const int VisitorBytes = 18;

    private readonly byte[] _key = master.Derive("form-tokens");

    /// <summary>The token for this visitor's forms; gives a visitor without a session a cookie to bind it to.</summary>
    public string Of(HttpContext context)
    {
        if (Caller.Of(context.User)?.SessionId is { } session)
        {
            return Sign("session", session);
        }

        var visitor = VisitorOf(context);
        if (visitor is null)
        {
            visitor = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(VisitorBytes));
            context.Response.Cookies.Append(VisitorCookie, visitor, Preferences.Cookie(context, maxAge: null));
        }

        return Sign("visitor", visitor);
    }

    /// <summary>Whether <paramref name="token"/> is the one that this visitor was given.</summary>
    public bool IsGood(HttpContext context, string? token)
    {
        var expected = Caller.Of(context.User)?.SessionId is { } session ? Sign("session", session)
            : VisitorOf(context) is { } visitor ? Sign("visitor", visitor)
            : null;
        return expected is not null && token is not null
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(token));
    }

    private static string? VisitorOf(HttpContext context) => context.Request.Cookies[VisitorCookie] is { Length: > 0 and <= 64 } visitor ? visitor : null;

    private string Sign(string kind, string subject) => Base64Url.EncodeToString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{kind}/{subject}")));
}
