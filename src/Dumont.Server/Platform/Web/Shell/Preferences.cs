namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Language and theme, kept in cookies of the browser: they belong to the screen rather than to the account, and the very first byte of a page
/// needs them.</summary>
internal static class Preferences
{
    /// <summary>Holds the language's tag.</summary>
    public const string LanguageCookie = "dumont_language";

    private const string ThemeCookie = "dumont_theme";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);

    /// <summary>The theme that was chosen; null follows the system.</summary>
    public static string? ThemeOf(HttpRequest request) => request.Cookies[ThemeCookie] is "light" or "dark" ? request.Cookies[ThemeCookie] : null;

    /// <summary>Cookies are never read by scripts, and sent from other sites only when a link is followed.</summary>
    public static CookieOptions Cookie(HttpContext context, TimeSpan? maxAge) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Lax,
        Secure = context.Request.IsHttps,
        MaxAge = maxAge,
        Path = "/",
        IsEssential = true,
    };

    /// <summary>Maps the form's target.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPages(pages => pages.MapPost("/preferences", SetAsync).AllowAnonymous());

    private static async Task<IResult> SetAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        if (Language.Find(form["language"]) is { } language)
        {
            context.Response.Cookies.Append(LanguageCookie, language.Tag, Cookie(context, Lifetime));
        }

        switch (form["theme"].ToString())
        {
            case "light" or "dark":
                context.Response.Cookies.Append(ThemeCookie, form["theme"].ToString(), Cookie(context, Lifetime));
                break;
            case "system":
                context.Response.Cookies.Delete(ThemeCookie);
                break;
        }

        return Page.GoTo(LocalPath.Of(form["return"]));
    }
}

/// <summary>Where a browser is sent after signing in or choosing: a path of this server, whatever the request says.</summary>
internal static class LocalPath
{
    private const int LengthMax = 2000;

    /// <summary><paramref name="path"/> if it is one, else the home page. A second slash or a backslash would make it another host.</summary>
    public static string Of(string? path) =>
        path is { Length: > 0 and <= LengthMax } && path[0] == '/' && (path.Length == 1 || path[1] is not ('/' or '\\')) && !path.Any(char.IsControl)
            ? path
            : "/";
}
